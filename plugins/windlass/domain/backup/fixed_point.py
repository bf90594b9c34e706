"""When the backups of a cluster are as they should be.

Runs that take bundles and those that start drills go by it; the dispatcher by its part `due_since` and its patience.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from windlass.domain.backup.schedule import due_since, is_drill_due
from windlass.domain.spec.care import Backup

Lack = Literal["bundle", "drill"]


@dataclass(frozen=True)
class BackupState:
    """What there is of a cluster's backups. A bundle counts from its commit on, which is after it was verified."""

    newest: datetime | None
    """When the newest bundle was begun; None if there is none."""
    drilled: datetime | None
    """When the bundle was begun that was drilled last, whatever came of it; None if none ever was."""


def lacks(settings: Backup, cluster: str, state: BackupState, now: datetime) -> tuple[Lack, ...]:
    """Return what is still to be done for the backups to be as they should be; empty if nothing is.

    As they should be: the newest bundle is not older than the last time of the spec's schedule, and of the bundles
    since the last time of the drills' schedule one was drilled. What has no schedule is nothing to be done.
    """
    found: list[Lack] = []
    if settings.schedule is not None and due_since(settings.schedule, cluster, state.newest, now) is not None:
        found.append("bundle")
    drills = settings.drill.schedule
    if drills is not None and state.newest is not None and is_drill_due(drills, state.drilled, state.newest):
        found.append("drill")
    return tuple(found)
