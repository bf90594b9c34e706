from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.backup.fixed_point import BackupState, lacks
from windlass.domain.backup.schedule import BackupProgress, is_due
from windlass.domain.spec.care import Backup, Drill

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SETTINGS = Backup(schedule="30 * * * *", drill=Drill(schedule="30 3 * * *"))


def ago(hours: float) -> datetime:
    return NOON - timedelta(hours=hours)


@pytest.mark.parametrize(
    ("newest", "drilled", "lacking"),
    [
        (None, None, ("bundle",)),
        (ago(2), None, ("bundle", "drill")),
        (ago(0.2), None, ("drill",)),
        (ago(0.2), ago(24), ("drill",)),
        (ago(0.2), ago(8), ()),
        (ago(2), ago(2), ("bundle",)),
    ],
)
def test_backups_are_as_they_should_be_with_a_fresh_bundle_and_a_drill_of_the_day(
    newest: datetime | None, drilled: datetime | None, lacking: tuple[str, ...]
) -> None:
    assert lacks(SETTINGS, "demo", BackupState(newest, drilled), NOON) == lacking


def test_what_has_no_schedule_is_nothing_to_be_done() -> None:
    off = Backup(schedule=None, drill=Drill(schedule=None))
    assert lacks(off, "demo", BackupState(None, None), NOON) == ()
    assert lacks(off, "demo", BackupState(ago(1000), None), NOON) == ()


@given(st.sampled_from(["* * * * *", "*/5 * * * *", "30 3 * * *"]), st.timedeltas(timedelta(), 2 * DAY))
def test_a_bundle_that_is_lacking_is_due_and_one_taken_now_ends_that(schedule: str, age: timedelta) -> None:
    settings, state = Backup(schedule=schedule), BackupState(NOON - age, NOON)
    is_lacking = "bundle" in lacks(settings, "demo", state, NOON)
    assert is_due(schedule, "demo", BackupProgress(state.newest, None), NOON) is is_lacking
    assert lacks(settings, "demo", BackupState(NOON, NOON), NOON) == ()
