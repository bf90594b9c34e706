"""When a backup is due, beside which operations none is taken, and when somebody has to be told that none came."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from croniter import croniter

from windlass.domain.lease import Lease
from windlass.operation_names import Operation

TRY_AGAIN_AFTER = timedelta(minutes=2)
"""How long after an attempt that brought no bundle the next one begins, if the schedule has none before."""
TELL_AGAIN_AFTER = timedelta(hours=1)
_GRACE = timedelta(minutes=3)
_LARGEST_JITTER = timedelta(minutes=5)
_UNSAFE_BESIDE: dict[str, str] = {
    Operation.RECOVER: "what etcd holds is being replaced",
    Operation.DELETE: "the cluster is being taken off its hosts",
}


@dataclass(frozen=True)
class BackupProgress:
    """How far backups of a cluster have come."""

    newest: datetime | None
    """When the newest bundle was begun."""
    attempted: datetime | None
    """When the last attempt began, whatever came of it."""


def is_due(schedule: str, cluster: str, progress: BackupProgress, now: datetime) -> bool:
    """Tell whether a backup should begin now.

    A time of the schedule that was missed is made up for once. Clusters with the same schedule begin at different
    times, each always by the same delay.
    """
    since = due_since(schedule, cluster, progress.newest, now)
    return since is not None and _may_try(since, progress.attempted, now)


def due_since(schedule: str, cluster: str, newest: datetime | None, now: datetime) -> datetime | None:
    """Return since when a bundle should be there that is not; None if the newest one is as new as it should be."""
    fired = last_time(schedule, now - jitter(schedule, cluster, now))
    return None if newest is not None and newest >= fired else fired


def _may_try(since: datetime, attempted: datetime | None, now: datetime) -> bool:
    return attempted is None or attempted < since or now - attempted >= TRY_AGAIN_AFTER


def is_drill_due(schedule: str, newest_drill: datetime | None, bundle: datetime) -> bool:
    """Tell whether a bundle is the first since the schedule's last time: it is the one to try."""
    return newest_drill is None or newest_drill < last_time(schedule, bundle)


def last_time(schedule: str, now: datetime) -> datetime:
    """Return the last time of a schedule up to `now`."""
    # Of a time that is one of the schedule's, croniter gives the one before.
    found: datetime = croniter(schedule, now + timedelta(microseconds=1)).get_prev(datetime)
    return found


def interval(schedule: str, now: datetime) -> timedelta:
    """Return how long it is between the schedule's times around `now`."""
    before = last_time(schedule, now)
    following: datetime = croniter(schedule, before).get_next(datetime)
    return following - before


def jitter(schedule: str, cluster: str, now: datetime) -> timedelta:
    """Return by how much the backups of `cluster` come later: less than a tenth of the interval."""
    share = int.from_bytes(hashlib.sha256(cluster.encode()).digest()[:4], "big") / 2**32
    return min(interval(schedule, now) / 10, _LARGEST_JITTER) * share


def overdue_since(schedule: str, newest: datetime, now: datetime) -> datetime | None:
    """Return since when a bundle is missing: after two times of the schedule without one; None if none is missing."""
    limit = overdue_limit(schedule, newest)
    return limit if now > limit else None


def overdue_limit(schedule: str, newest: datetime) -> datetime:
    """Return until when another bundle than `newest` has to be there."""
    return newest + 2 * interval(schedule, newest) + _GRACE


def unsafe_beside(lease: Lease | None, *, has_bundles: bool) -> str:
    """Return why no backup is taken while `lease` is held; empty if it is safe, as it is beside most operations."""
    if lease is None or lease.released:
        return ""
    if lease.operation in _UNSAFE_BESIDE:
        return f"{lease.owner} runs: {_UNSAFE_BESIDE[lease.operation]}"
    if lease.operation == Operation.CREATE and not has_bundles:
        return f"{lease.owner} runs: the cluster is being made"
    return ""


def age_text(newest: datetime | None, now: datetime) -> str:
    """Say how old the newest good bundle is: `the newest good bundle is 12 min old`."""
    if newest is None:
        return "there is no good bundle at all"
    minutes = max(0, int((now - newest).total_seconds() // 60))
    hours, days = minutes // 60, minutes // (24 * 60)
    age = f"{minutes} min" if hours < 2 else f"{hours} h" if days < 2 else f"{days} days"
    return f"the newest good bundle is {age} old ({newest:%Y-%m-%d %H:%M:%S} UTC)"
