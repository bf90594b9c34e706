"""What the tasks of backups do, over a store in memory; taking itself is tested against real members elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from unit.backup.examples import manifest, new_keys
from unit.services import services_of
from windlass.airflow.operators import backup
from windlass.airflow.operators.backup import BackupProveOperator, BackupTakeOperator
from windlass.domain.backup import SNAPSHOT, STATE, BundleId
from windlass.domain.lease import Owner
from windlass.domain.spec.care import Backup, Drill
from windlass.effects.bundles import Vault
from windlass.effects.store import Leases, MemoryStore, RunLease
from windlass.effects.store.keys import backup_lease_key
from windlass.errors import NotReadyError, RefusedError, UnreachableError

OTHER = Owner("etcd_backup", "another")
KEYS = new_keys()


class Place:
    """A workplace over a store in memory."""

    def __init__(self, settings: Backup) -> None:
        self.name, self.owner, self.store = "demo", Owner("etcd_backup", "mine"), MemoryStore()
        self.sent: list[Any] = []
        self.services = services_of(self.store, notify=lambda notices, _: self.sent.extend(notices))
        self.settings, self.told, self.others_have_ended = settings, [], False
        self.bundles = Vault(self.store, "demo", KEYS)

    def cluster(self) -> Any:
        return Mock(spec=["spec"], **{"spec.backup": self.settings})

    def vault(self, _: Any) -> Vault:
        return self.bundles

    def pki(self) -> Any:
        return Mock()

    @contextmanager
    def session(self, _: Any) -> Iterator[Any]:
        yield Mock()

    def lease(self) -> RunLease:
        return RunLease(Leases(self.store, self._has_ended, lambda: datetime.now(UTC)), "demo", self.owner)

    def backup_lease(self) -> RunLease:
        leases = Leases(self.store, self._has_ended, lambda: datetime.now(UTC), backup_lease_key)
        return RunLease(leases, "demo", self.owner)

    def _has_ended(self, _: Owner) -> bool:
        return self.others_have_ended

    def log(self, text: str, *, level: str = "info", details: Any = None) -> None:
        self.told.append((level, text))

    def hold(self, age: timedelta) -> BundleId:
        bundle = BundleId.of(datetime.now(UTC) - age, 1042)
        parts = {name: self.bundles.write_part(bundle, name, io.BytesIO(b"x")) for name in (SNAPSHOT, STATE)}
        self.bundles.commit(manifest(id=str(bundle), parts=parts))
        return bundle


@pytest.fixture
def run() -> Any:
    return Place(Backup(schedule="*/5 * * * *"))


@pytest.fixture
def sent(run: Any) -> list[Any]:
    notices: list[Any] = run.sent
    return notices


def context(*, partition: str | None = "demo", attempt: int = 9) -> Any:
    ti = Mock(try_number=attempt)
    return {"ti": ti, "dag_run": Mock(partition_key=partition), "params": {}, "outlet_events": Mock()}


def taking(monkeypatch: pytest.MonkeyPatch, result: Any) -> Mock:
    taken = Mock(side_effect=result) if isinstance(result, Exception) else Mock(return_value=result)
    monkeypatch.setattr(backup, "take_bundle", taken)
    return taken


def take(run: Any, **asked: Any) -> Any:
    return BackupTakeOperator(task_id="take", retries=2).act(context(**asked), run)


def test_a_bundle_is_taken_and_the_turn_given_back(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taking(monkeypatch, manifest())
    assert take(run)["bundle"] == manifest().id
    last = run.backup_lease().last()
    assert last.released


def test_two_backups_of_a_cluster_never_run_at_once(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = taking(monkeypatch, manifest())
    replace(run.backup_lease(), owner=OTHER).acquire()
    with pytest.raises(AirflowSkipException, match="being taken already"):
        take(run)
    with pytest.raises(NotReadyError, match="being taken already"):
        take(run, partition=None)
    taken.assert_not_called()


def test_the_turn_of_a_run_that_has_ended_is_taken_over(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taking(monkeypatch, manifest())
    replace(run.backup_lease(), owner=OTHER).acquire()
    run.others_have_ended = True
    assert take(run)


def test_beside_a_recovery_none_is_taken_and_beside_a_repair_one_is(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taking(monkeypatch, manifest())
    recovery = replace(run.lease(), owner=Owner("disaster_recovery", "one"))
    repair = replace(run.lease(), owner=Owner("heal_cluster", "one"))
    recovery.acquire()
    with pytest.raises(AirflowSkipException, match="being replaced"):
        take(run)
    recovery.release()
    repair.acquire()
    assert take(run)


def test_a_recovery_that_ended_without_giving_its_lease_back_stops_no_backups(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking(monkeypatch, manifest())
    replace(run.lease(), owner=Owner("disaster_recovery", "one")).acquire()
    run.others_have_ended = True
    assert take(run)


def test_a_scheduled_run_whose_bundle_came_meanwhile_is_skipped_and_one_asked_for_is_not(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking(monkeypatch, manifest())
    run.settings = Backup(schedule="30 3 * * *")
    run.hold(timedelta())
    with pytest.raises(AirflowSkipException, match="taken since"):
        take(run)
    assert take(run, partition=None)


def test_an_etcd_that_has_begun_anew_is_told_of_once_and_the_last_bundle_of_before_is_named(
    run: Any, monkeypatch: pytest.MonkeyPatch, sent: list[Any]
) -> None:
    before = run.hold(timedelta(hours=3))
    emptied = manifest().content.model_copy(update={"revision": 7})
    taking(monkeypatch, manifest().model_copy(update={"content": emptied}))
    assert take(run)
    ((level, text),) = run.told
    assert level == "error"
    assert "went back from 1042 to 7" in text
    assert f"bundle {before}" in text
    assert len(sent) == 1


def test_a_failed_backup_tells_how_old_the_newest_good_one_is(
    run: Any, monkeypatch: pytest.MonkeyPatch, sent: list[Any]
) -> None:
    run.hold(timedelta(hours=3))
    taking(monkeypatch, RefusedError("this machine has no room"))
    with pytest.raises(RefusedError):
        take(run)
    ((level, text),) = run.told
    assert level == "error"
    assert "backup failed, the newest good bundle is 3 h old" in text
    assert "this machine has no room" in text
    assert [notice.is_alert for notice in sent] == [True]
    assert run.backup_lease().last().released


def test_nobody_is_told_of_a_failure_that_is_tried_again(
    run: Any, monkeypatch: pytest.MonkeyPatch, sent: list[Any]
) -> None:
    taking(monkeypatch, UnreachableError("the store does not answer"))
    with pytest.raises(UnreachableError):
        take(run, attempt=1)
    assert sent == []
    with pytest.raises(UnreachableError):
        take(run, attempt=3)
    assert len(sent) == 1


def test_the_first_bundle_of_a_day_is_handed_to_a_drill(run: Any) -> None:
    run.settings = Backup(drill=Drill(schedule="30 3 * * *"))
    operator, asked = BackupProveOperator(task_id="prove"), context()
    with pytest.raises(AirflowSkipException, match="no drill is due"):
        operator.act(asked, run)
    run.hold(timedelta())
    accessor = Mock()
    asked["outlet_events"] = {backup.DRILLS: accessor}
    assert operator.act(asked, run) == "demo"
    accessor.add_partitions.assert_called_once_with("demo")


def look(run: Any) -> bool:
    return backup._look(context(), run)


def test_a_cluster_is_dispatched_when_its_time_has_come(run: Any) -> None:
    assert look(run)
    replace(run.backup_lease(), owner=OTHER).acquire()
    assert not look(run)
    run.settings = Backup(schedule=None)
    assert not look(run)


def test_missing_backups_are_told_once_and_so_is_their_return(run: Any, sent: list[Any]) -> None:
    run.hold(timedelta(hours=5))
    look(run)
    look(run)
    assert [text.partition(";")[0] for _, text in run.told] == ["backups do not come"]
    assert "is 5 h old" in run.told[0][1]
    run.hold(timedelta())
    look(run)
    look(run)
    assert [level for level, _ in run.told] == ["error", "info"]
    assert "backups come again" in run.told[1][1]
    assert len(sent) == 2
