"""How old a cluster's backups are, by as few questions to the store as will do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from windlass.domain.backup.schedule import overdue_limit
from windlass.domain.health.host_report import HostReport, assess
from windlass.operations.health.fleet import MonitoredCluster, NewestBundle

EVERY_SECONDS = 60.0
"""Between two reports on one cluster's backups."""

_BACKUP = "backup"
Ask = Callable[[str], Awaitable[NewestBundle | None]]
"""Asks the store for a cluster's newest bundle; None if it does not tell."""


@dataclass
class _Known:
    newest: NewestBundle | None = None
    reported: float = float("-inf")


class BackupAgeMonitor:
    """Reports on the backups of all clusters.

    As long as the newest bundle that is known is young enough, the store is not asked: a newer one changes nothing.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[str, _Known] = {}

    async def report(self, watched: MonitoredCluster, moment: float, now: datetime) -> HostReport | None:
        """Return a report on a cluster; None if none is due at `moment`, or nothing is known."""
        known = self._known.setdefault(watched.plan.cluster, _Known())
        if moment - known.reported < EVERY_SECONDS:
            return None
        known.reported = moment
        if watched.backup_schedule is None:
            return HostReport(_BACKUP, _BACKUP, "0 0")  # what was told before the schedule went is over
        if known.newest is None or assess(_report(known.newest, watched.backup_schedule, now)) is not None:
            known.newest = await self._ask(watched.plan.cluster) or known.newest
        return None if known.newest is None else _report(known.newest, watched.backup_schedule, now)

    def forget(self, cluster: str) -> None:
        """Know nothing of a cluster any more."""
        self._known.pop(cluster, None)


def _report(newest: NewestBundle, schedule: str, now: datetime) -> HostReport:
    age, allowed = now - newest.at, overdue_limit(schedule, newest.at) - newest.at
    never = "" if newest.is_bundle else " never"
    return HostReport(_BACKUP, _BACKUP, f"{age.total_seconds():.0f} {allowed.total_seconds():.0f}{never}")
