"""Which bundles are kept: all of the last hour, then the newest of each hour, day and week; a pure rule.

Hours, days and weeks are those of UTC that have bundles, counted from the newest: a time without backups does not use
up what the spec wants kept. A bundle that is the last of its week is the last of its day and of its hour too, so that
it makes no difference how often the rule is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.backup.ids import BundleId
from windlass.domain.spec.care import Retention

ALL_FOR = timedelta(hours=1)
ABANDONED_AFTER = timedelta(hours=6)
"""How old parts without a manifest are before they count as left behind; a backup takes minutes at most."""


@dataclass(frozen=True)
class RetentionInputs:
    """What the rule looks at besides the spec: bundles with a manifest, parts without one, and what must stay."""

    bundles: tuple[BundleId, ...]
    incomplete: tuple[BundleId, ...] = ()
    pinned: frozenset[BundleId] = frozenset()
    proven: frozenset[BundleId] = frozenset()


def keep(held: RetentionInputs, retention: Retention, now: datetime) -> dict[BundleId, str]:
    """Return the bundles to keep, each with the reason; every other bundle may go.

    The newest bundle, the newest proven one, pinned ones and those from the future are always kept.
    """
    newest_first = sorted(held.bundles, reverse=True)
    reasons: dict[BundleId, str] = {}
    for bundle in newest_first:
        if bundle in held.pinned:
            reasons[bundle] = "pinned"
        elif now - bundle.time <= ALL_FOR:
            reasons[bundle] = "of the last hour"
    _add(reasons, newest_first[:1], "the newest")
    _add(reasons, [bundle for bundle in newest_first if bundle in held.proven][:1], "the newest that is proven")
    _add(reasons, _newest_of_each(newest_first, _hour, retention.hourly), "the newest of its hour")
    _add(reasons, _newest_of_each(newest_first, _day, retention.daily), "the newest of its day")
    _add(reasons, _newest_of_each(newest_first, _week, retention.weekly), "the newest of its week")
    return reasons


def expired(held: RetentionInputs, retention: Retention, now: datetime) -> tuple[BundleId, ...]:
    """Return what may be deleted, the oldest first: bundles that are not kept, and parts that were left behind.

    What the bucket has locked waits until the lock has ended: a deletion would only hide it.
    """
    kept = keep(held, retention, now)
    abandoned = [bundle for bundle in held.incomplete if now - bundle.time > ABANDONED_AFTER]
    gone = [*(bundle for bundle in held.bundles if bundle not in kept), *abandoned]
    return tuple(sorted(bundle for bundle in gone if lock_ends(bundle, retention) <= now))


def lock_ends(bundle: BundleId, retention: Retention) -> datetime:
    """Return until when the bucket keeps a bundle, as the spec has it now; the bundle's own time where it has none."""
    if retention.lock is None:
        return bundle.time
    return bundle.time + timedelta(days=retention.lock.days) + ABANDONED_AFTER  # its parts are written after that time


def _add(reasons: dict[BundleId, str], bundles: Iterable[BundleId], reason: str) -> None:
    for bundle in bundles:
        reasons.setdefault(bundle, reason)


def _newest_of_each(newest_first: Iterable[BundleId], period: Callable[[datetime], Any], count: int) -> list[BundleId]:
    newest: dict[Any, BundleId] = {}
    for bundle in newest_first:
        newest.setdefault(period(bundle.time), bundle)
    return list(newest.values())[:count]


def _hour(time: datetime) -> tuple[int, ...]:
    return (time.year, time.month, time.day, time.hour)


def _day(time: datetime) -> tuple[int, ...]:
    return (time.year, time.month, time.day)


def _week(time: datetime) -> tuple[int, ...]:
    return time.isocalendar()[:2]
