"""Whose word arrives: what Airflow knows of the probe loop on each host, over its SSH channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BEAT = 10.0
"""Seconds between two heartbeats of a probe loop."""
SILENCE = 2.5 * BEAT
"""Seconds without a word after which a loop is no longer heard."""
ANSWER = 5.0
"""Seconds within which a loop answers what it is asked: a look takes its time-out, and the way there and back."""


@dataclass
class _HostLink:
    heard: float | None = None
    """When its last word arrived; None while there is no channel."""
    asked: float | None = None
    """When it was asked something that it has not answered."""
    failures: int = 0
    """Attempts in a row to reach it that failed."""
    lost: float = 0.0
    """When the first of them failed."""
    reason: str = ""


class HeartbeatTracker:
    """The voices of one cluster's hosts; times are seconds of the watcher's monotonic clock."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._links = {host: _HostLink() for host in hosts}

    def message(self, host: str, now: float) -> None:
        """Note that a word of `host` arrived."""
        link = self._links[host]
        link.heard, link.asked, link.failures, link.reason = now, None, 0, ""

    def failed(self, host: str, reason: str, now: float) -> None:
        """Note that `host` could not be reached, or that its channel ended."""
        link = self._links[host]
        if link.failures == 0:
            link.lost = now
        link.heard, link.asked, link.reason = None, None, reason
        link.failures += 1

    def asked(self, host: str, now: float) -> None:
        """Note that `host` was asked something."""
        link = self._links[host]
        if link.asked is None:
            link.asked = now

    def forgive(self, now: float) -> None:
        """Count nothing against anybody that may be the watcher's own fault: it was held up itself."""
        for link in self._links.values():
            link.asked = None
            if link.heard is not None:
                link.heard = now

    def is_heard(self, host: str, now: float) -> bool:
        """Say whether the word of `host` still arrives."""
        link = self._links[host]
        is_overdue = link.asked is not None and now - link.asked > ANSWER
        return link.heard is not None and now - link.heard <= SILENCE and not is_overdue

    def heard(self, now: float) -> frozenset[str]:
        """Return all hosts whose word arrives."""
        return frozenset(host for host in self._links if self.is_heard(host, now))

    def is_reached(self, host: str) -> bool:
        """Say whether there is a channel to `host` over which a word has come."""
        return self._links[host].heard is not None

    def spoke_after(self, host: str, moment: float) -> bool:
        """Say whether `host` has said anything since `moment`."""
        heard = self._links[host].heard
        return heard is not None and heard > moment

    def failures(self, host: str) -> tuple[int, float, str]:
        """Return how many attempts to reach `host` failed in a row, when the first did, and why the last did."""
        link = self._links[host]
        return link.failures, link.lost, link.reason
