from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.backup.schedule import (
    BackupProgress,
    age_text,
    interval,
    is_drill_due,
    is_due,
    jitter,
    last_time,
    overdue_since,
    unsafe_beside,
)
from windlass.domain.lease import Lease, Owner, grant

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVERY_FIVE = "*/5 * * * *"
SCHEDULES = st.sampled_from(["* * * * *", EVERY_FIVE, "7 * * * *", "30 3 * * *", "0 4 * * sun"])
MINUTE = timedelta(minutes=1)


def begun(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_a_time_of_the_schedule_counts_itself() -> None:
    assert last_time(EVERY_FIVE, NOON) == NOON
    assert last_time(EVERY_FIVE, NOON - timedelta(seconds=1)) == begun(-5)


@given(SCHEDULES, st.text("abc-", min_size=1, max_size=9), st.integers(0, 80))
def test_each_time_of_a_schedule_brings_one_backup(schedule: str, cluster: str, length: int) -> None:
    progress, taken = BackupProgress(None, None), []
    for minute in range(length):
        now = begun(minute)
        if is_due(schedule, cluster, progress, now):
            taken.append(now)
            progress = BackupProgress(now, now)
    times = {last_time(schedule, one - jitter(schedule, cluster, one)) for one in taken}
    assert len(times) == len(taken)
    assert length == 0 or taken


def test_a_bundle_after_the_last_time_is_enough() -> None:
    assert not is_due(EVERY_FIVE, "demo", BackupProgress(begun(1), begun(1)), begun(4))
    assert is_due(EVERY_FIVE, "demo", BackupProgress(begun(-10), begun(-10)), begun(4))


def test_an_attempt_without_success_is_made_again_soon_and_not_at_once() -> None:
    failed = BackupProgress(begun(-60), begun(1))
    assert not is_due(EVERY_FIVE, "demo", failed, begun(2))
    assert is_due(EVERY_FIVE, "demo", failed, begun(3))


@given(SCHEDULES, st.text(min_size=1, max_size=20))
def test_clusters_begin_at_different_moments_and_in_time(schedule: str, cluster: str) -> None:
    late = jitter(schedule, cluster, NOON)
    assert late == jitter(schedule, cluster, NOON)
    assert timedelta() <= late <= interval(schedule, NOON) / 10
    assert len({jitter(schedule, f"{cluster}-{number}", NOON) for number in range(5)}) == 5


def test_the_first_bundle_of_a_day_is_the_one_to_try() -> None:
    daily = "30 3 * * *"
    assert is_drill_due(daily, None, NOON)
    assert is_drill_due(daily, NOON - timedelta(days=1), NOON)
    assert not is_drill_due(daily, NOON, begun(5))
    assert not is_drill_due(daily, NOON, NOON + timedelta(hours=15))
    assert is_drill_due(daily, NOON, NOON + timedelta(hours=16))


def test_somebody_is_told_after_two_times_without_a_bundle() -> None:
    assert overdue_since(EVERY_FIVE, NOON, begun(13)) is None
    assert overdue_since(EVERY_FIVE, NOON, begun(14)) == begun(13)
    assert overdue_since("30 3 * * *", NOON, NOON + timedelta(days=2)) is None


def lease(operation: str, *, released: bool = False) -> Lease:
    held = grant(Owner(operation, "one"), operation, NOON)
    return Lease(held.owner, operation, held.acquired, held.heartbeat, held.expires, released)


@pytest.mark.parametrize("operation", ["upgrade_cluster", "heal_cluster", "create_cluster", "replace_member"])
def test_a_backup_is_taken_beside_most_operations(operation: str) -> None:
    assert unsafe_beside(lease(operation), has_bundles=True) == ""
    assert unsafe_beside(None, has_bundles=False) == ""


@pytest.mark.parametrize(
    ("operation", "has_bundles", "reason"),
    [
        ("disaster_recovery", True, "being replaced"),
        ("delete_cluster", True, "taken off its hosts"),
        ("create_cluster", False, "being made"),
    ],
)
def test_beside_some_none_is_taken(operation: str, reason: str, *, has_bundles: bool) -> None:
    assert reason in unsafe_beside(lease(operation), has_bundles=has_bundles)
    assert unsafe_beside(lease(operation, released=True), has_bundles=has_bundles) == ""


@pytest.mark.parametrize(
    ("minutes", "text"), [(0.5, "0 min old"), (119, "119 min old"), (180, "3 h old"), (60 * 24 * 4, "4 days old")]
)
def test_the_age_of_the_newest_bundle_is_told(minutes: float, text: str) -> None:
    assert text in age_text(NOON, begun(minutes))


def test_that_there_is_no_bundle_is_told() -> None:
    assert age_text(None, NOON) == "there is no good bundle at all"
