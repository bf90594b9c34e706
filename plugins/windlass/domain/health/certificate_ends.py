"""When the certificates on each host run out, as the hosts say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from windlass.domain.health.host_report import HostReport

_LONGEST = timedelta(days=200 * 365).total_seconds()
"""Whoever says that a certificate lives longer says nothing."""


@dataclass(frozen=True)
class CertificateEnds:
    """Of each host and kind, certificates or authorities, that which runs out first, by the last report."""

    _ends: dict[tuple[str, str], float] = field(default_factory=dict)

    def take(self, host: str, report: HostReport, now: float) -> None:
        """Take one report in; one about something else, or that cannot be understood, changes nothing."""
        if report.topic != "certificate":
            return
        try:
            left = float(report.value.partition(" ")[0])
        except ValueError:
            return
        if abs(left) < _LONGEST:  # neither is "not a number"
            self._ends[host, report.name] = now + left

    def values(self, time_of: Callable[[float], datetime]) -> list[dict[str, str]]:
        """Return them as plain values, to the minute."""
        return [
            {"host": host, "kind": kind, "until": time_of(end).isoformat(timespec="minutes")}
            for (host, kind), end in sorted(self._ends.items())
        ]
