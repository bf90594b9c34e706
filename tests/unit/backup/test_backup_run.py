"""What runs of backups decide, over a store in memory; taking itself is tested against real members elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from unit.backup.examples import manifest
from unit.cluster_run import Alerts, FakeRun, attempt, held_by
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.lease import Owner
from windlass.domain.spec.care import Backup, Drill
from windlass.effects.store.records import RolloutRecord
from windlass.errors import NotReadyError, RefusedError, SkippedError, UnreachableError, WaitingError
from windlass.operations.backup import backup_run
from windlass.operations.backup.backup_run import back_up, expire_bundles, require_drill_due, taken_by
from windlass.operations.backup.dispatch import should_start_backup
from windlass.operations.backup.drill_run import choose_for_drill
from windlass.operations.backup.take import Stopwatch

OTHER, RECOVERY = Owner("etcd_backup", "another"), Owner("disaster_recovery", "one")


def with_settings(run: FakeRun, settings: Backup) -> None:
    run.spec = Mock(spec=["spec"], **{"spec.backup": settings})


@pytest.fixture
def run() -> FakeRun:
    made = FakeRun(Owner("etcd_backup", "mine"))
    with_settings(made, Backup(schedule="*/5 * * * *"))
    return made


@pytest.fixture
def alerts() -> Alerts:
    return Alerts()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Mock:
    made = Mock(return_value=manifest())
    monkeypatch.setattr(backup_run, "take_bundle", made)
    return made


def take(run: FakeRun, alerts: Alerts | None = None, **asked: Any) -> Any:
    return back_up(run, attempt(Alerts() if alerts is None else alerts, **asked), Stopwatch())


def test_only_the_newest_bundle_of_the_run_itself_since_it_began_is_its_own(run: FakeRun) -> None:
    now = datetime.now(UTC)
    assert taken_by(run, now) is None
    run.hold_bundle(timedelta(minutes=2), by=str(run.owner), started=now)
    assert taken_by(run, now) is not None
    assert taken_by(run, now + timedelta(seconds=1)) is None, "the run began again after it"
    run.hold_bundle(timedelta(minutes=1), by=str(OTHER), started=now)
    assert taken_by(run, now) is None, "another run has taken a newer one"


def test_a_bundle_is_taken_and_the_turn_given_back(run: FakeRun, taken: Mock) -> None:
    assert take(run).id == manifest().id
    last = run.backup_lease().last()
    assert last is not None
    assert last.released
    taken.assert_called_once()


def test_two_backups_of_a_cluster_never_run_at_once(run: FakeRun, taken: Mock, alerts: Alerts) -> None:
    held_by(OTHER, run.backup_lease())
    with pytest.raises(SkippedError, match="being taken already"):
        take(run, alerts)
    with pytest.raises(WaitingError, match="being taken already"):
        take(run, alerts, is_by_person=True)
    taken.assert_not_called()
    assert alerts == []


def test_the_turn_of_a_run_that_has_ended_is_taken_over(run: FakeRun, taken: Mock) -> None:
    held_by(OTHER, run.backup_lease())
    run.is_finished = lambda _: True
    assert take(run) is taken.return_value


def test_beside_a_recovery_none_is_taken_and_beside_a_repair_one_is(run: FakeRun, taken: Mock) -> None:
    recovery = held_by(RECOVERY, run.lease())
    with pytest.raises(SkippedError, match="being replaced"):
        take(run)
    recovery.release()
    held_by(Owner("heal_cluster", "one"), run.lease())
    assert take(run) is taken.return_value


def test_where_a_backup_cannot_be_taken_now_a_schedule_skips_and_a_person_waits(
    run: FakeRun, taken: Mock, alerts: Alerts
) -> None:
    held_by(RECOVERY, run.lease())
    with pytest.raises(SkippedError):
        take(run, alerts)
    with pytest.raises(NotReadyError):
        take(run, alerts, is_by_person=True)
    taken.assert_not_called()
    assert alerts == []


def test_a_recovery_that_ended_without_giving_its_lease_back_stops_no_backups(run: FakeRun, taken: Mock) -> None:
    held_by(RECOVERY, run.lease())
    run.is_finished = lambda _: True
    assert take(run) is taken.return_value


def test_a_scheduled_run_whose_bundle_came_meanwhile_is_skipped_and_one_asked_for_is_not(
    run: FakeRun, taken: Mock
) -> None:
    with_settings(run, Backup(schedule="30 3 * * *"))
    run.hold_bundle(timedelta())
    with pytest.raises(SkippedError, match="taken since"):
        take(run)
    assert take(run, is_by_person=True) is taken.return_value


def test_an_etcd_that_has_started_over_is_told_of_once_and_the_last_bundle_of_before_is_named(
    run: FakeRun, taken: Mock, alerts: Alerts
) -> None:
    before = run.hold_bundle(timedelta(hours=3))
    emptied = manifest().content.model_copy(update={"revision": 7})
    taken.return_value = manifest().model_copy(update={"content": emptied})
    assert take(run, alerts)
    ((level, text),) = alerts
    assert level == "error"
    assert "went back from 1042 to 7" in text
    assert f"bundle {before}" in text


def test_a_failed_backup_tells_how_old_the_newest_good_one_is(run: FakeRun, taken: Mock, alerts: Alerts) -> None:
    run.hold_bundle(timedelta(hours=3))
    taken.side_effect = RefusedError("this machine has no room")
    with pytest.raises(RefusedError):
        take(run, alerts)
    ((level, text),) = alerts
    assert level == "error"
    assert "backup failed, the newest good bundle is 3 h old" in text
    assert "this machine has no room" in text
    last = run.backup_lease().last()
    assert last is not None
    assert last.released


def test_nobody_is_told_of_a_failure_that_is_tried_again(run: FakeRun, taken: Mock, alerts: Alerts) -> None:
    taken.side_effect = UnreachableError("the store does not answer")
    with pytest.raises(UnreachableError):
        take(run, alerts, is_last=False)
    assert alerts == []
    with pytest.raises(UnreachableError):
        take(run, alerts, is_last=True)
    assert len(alerts) == 1


def test_the_first_bundle_of_a_day_is_handed_to_a_drill(run: FakeRun) -> None:
    with_settings(run, Backup(drill=Drill(schedule="30 3 * * *")))
    with pytest.raises(SkippedError, match="no drill is due"):
        require_drill_due(run)
    run.hold_bundle(timedelta())
    require_drill_due(run)


def test_what_a_rollout_would_go_back_to_is_kept_until_it_has_ended(run: FakeRun) -> None:
    bundles = [run.hold_bundle(timedelta(hours=hours)) for hours in (3000, 2000, 0)]
    run.records.save_rollout(RolloutRecord("v1.36.3", "v1.37.2", "one", "2026-11-24T07:00:00+00:00", str(bundles[1])))
    with_settings(run, Backup.model_validate({"retention": {"hourly": 1, "daily": 0, "weekly": 0}}))
    assert expire_bundles(run) == (str(bundles[0]),)
    run.records.end_rollout()
    assert expire_bundles(run) == (str(bundles[1]),)


def look(run: FakeRun, alerts: Alerts | None = None) -> bool:
    return should_start_backup(run, Alerts() if alerts is None else alerts, lambda _: None)


def test_a_cluster_is_dispatched_when_its_time_has_come(run: FakeRun) -> None:
    assert look(run)
    held_by(OTHER, run.backup_lease())
    assert not look(run)
    with_settings(run, Backup(schedule=None))
    assert not look(run)


def test_a_cluster_that_cannot_be_looked_at_is_told_and_holds_up_no_other(run: FakeRun) -> None:
    run.vault = Mock(side_effect=UnreachableError("the bucket is away"))
    told: list[str] = []
    assert not should_start_backup(run, Alerts(), told.append)
    assert told == ["demo: whether a backup is due cannot be told: the bucket is away"]
    run.vault = Mock(side_effect=KeyError("what nobody wrote"))
    assert not should_start_backup(run, Alerts(), told.append)
    assert len(told) == 2


def test_missing_backups_are_told_once_and_so_is_their_return(run: FakeRun, alerts: Alerts) -> None:
    run.hold_bundle(timedelta(hours=5))
    look(run, alerts)
    look(run, alerts)
    assert [text.partition(";")[0] for _, text in alerts] == ["backups do not come"]
    assert "is 5 h old" in alerts[0][1]
    run.hold_bundle(timedelta())
    look(run, alerts)
    look(run, alerts)
    assert [level for level, _ in alerts] == ["error", "info"]
    assert "backups come again" in alerts[1][1]


def being_created(run: FakeRun) -> None:
    run.records.save_spec("kind: Cluster")


def being_deleted(run: FakeRun) -> None:
    held_by(Owner("delete_cluster", "d"), run.delete_lease())


@pytest.mark.parametrize(
    ("put", "why"),
    [
        (being_created, "demo is being created: it was never verified; trigger `create_cluster` again"),
        (being_deleted, "demo is being deleted by delete_cluster (run d)"),
    ],
)
def test_a_cluster_that_comes_or_goes_is_not_backed_up(
    run: FakeRun, taken: Mock, alerts: Alerts, put: Callable[[FakeRun], None], why: str
) -> None:
    put(run)
    with pytest.raises(SkippedError, match=re.escape(f"no backup is taken: {why}")):
        take(run, alerts)
    with pytest.raises(RefusedError, match=re.escape(f"no backup is taken: {why}")):
        take(run, alerts, is_by_person=True)
    told: list[str] = []
    assert not should_start_backup(run, alerts, told.append)
    assert told == [f"no backup is started: {why}"]
    for is_by_person, error in ((False, SkippedError), (True, RefusedError)):
        with pytest.raises(error, match=re.escape(f"no drill is made: {why}")):
            choose_for_drill(run, "", is_by_person=is_by_person)
    taken.assert_not_called()
    assert alerts == []


def test_a_cluster_that_was_verified_is_backed_up(run: FakeRun, taken: Mock) -> None:
    being_created(run)
    run.records.save_created(CreatedRecord(datetime.now(UTC), "a1"))
    assert take(run).id == manifest().id
