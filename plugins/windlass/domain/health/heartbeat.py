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
        self._voices = {host: _HostLink() for host in hosts}

    def word(self, host: str, now: float) -> None:
        """Note that a word of `host` arrived."""
        voice = self._voices[host]
        voice.heard, voice.asked, voice.failures, voice.reason = now, None, 0, ""

    def failed(self, host: str, reason: str, now: float) -> None:
        """Note that `host` could not be reached, or that its channel ended."""
        voice = self._voices[host]
        if voice.failures == 0:
            voice.lost = now
        voice.heard, voice.asked, voice.reason = None, None, reason
        voice.failures += 1

    def asked(self, host: str, now: float) -> None:
        """Note that `host` was asked something."""
        voice = self._voices[host]
        if voice.asked is None:
            voice.asked = now

    def forgive(self, now: float) -> None:
        """Count nothing against anybody that may be the watcher's own fault: it was held up itself."""
        for voice in self._voices.values():
            voice.asked = None
            if voice.heard is not None:
                voice.heard = now

    def is_heard(self, host: str, now: float) -> bool:
        """Say whether the word of `host` still arrives."""
        voice = self._voices[host]
        is_overdue = voice.asked is not None and now - voice.asked > ANSWER
        return voice.heard is not None and now - voice.heard <= SILENCE and not is_overdue

    def heard(self, now: float) -> frozenset[str]:
        """Return all hosts whose word arrives."""
        return frozenset(host for host in self._voices if self.is_heard(host, now))

    def is_reached(self, host: str) -> bool:
        """Say whether there is a channel to `host` over which a word has come."""
        return self._voices[host].heard is not None

    def spoke_after(self, host: str, moment: float) -> bool:
        """Say whether `host` has said anything since `moment`."""
        heard = self._voices[host].heard
        return heard is not None and heard > moment

    def failures(self, host: str) -> tuple[int, float, str]:
        """Return how many attempts to reach `host` failed in a row, when the first did, and why the last did."""
        voice = self._voices[host]
        return voice.failures, voice.lost, voice.reason
