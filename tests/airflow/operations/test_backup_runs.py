"""How the tasks of backups and drills hand Airflow's run to their operations, which are tested without Airflow."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from unit.backup.examples import manifest
from unit.services import services_of
from windlass.airflow.alerts import attempt_of
from windlass.airflow.assets import BACKUPS, DRILLS
from windlass.airflow.operators import backup
from windlass.airflow.operators.backup import (
    BackupDispatchOperator,
    BackupProveOperator,
    BackupRunOperator,
    BackupTakeOperator,
)
from windlass.airflow.run_context import RunContext
from windlass.domain.lease import Owner
from windlass.effects.store import MemoryStore
from windlass.effects.store.keys import spec_key
from windlass.errors import TRANSIENT, NotReadyError, RefusedError, SkippedError, UnreachableError, WindlassError


def context(*, run_type: str = "asset_triggered", attempt: int = 9) -> Any:
    run = Mock(dag_id="etcd_backup", run_id="mine", partition_key="demo", run_type=run_type)
    run.triggering_user_name = None
    return {"ti": Mock(try_number=attempt), "dag_run": run, "params": {}, "outlet_events": {DRILLS: Mock()}}


@pytest.fixture
def run() -> Any:
    made = Mock(spec=RunContext, owner=Owner("etcd_backup", "mine"))
    made.name = "demo"
    return made


@pytest.fixture
def sent(run: Any) -> list[Any]:
    notices: list[Any] = []
    run.services = services_of(MemoryStore(), notify=lambda told, _: notices.extend(told))
    return notices


@pytest.mark.parametrize(("attempt", "is_last"), [(1, False), (2, False), (3, True)])
@pytest.mark.parametrize(("run_type", "is_by_person"), [("manual", True), ("asset_triggered", False)])
def test_an_operation_knows_who_started_it_and_whether_it_is_tried_again(
    run: Any, attempt: int, run_type: str, *, is_last: bool, is_by_person: bool
) -> None:
    made = attempt_of(context(run_type=run_type, attempt=attempt), run, retries=2)
    assert (made.is_last, made.is_by_person) == (is_last, is_by_person)


def test_an_alert_is_a_line_of_the_log_and_a_notice_even_while_the_store_is_away(run: Any, sent: list[Any]) -> None:
    run.log.side_effect = UnreachableError("the store is away")
    attempt_of(context(), run, 0).alert("backups do not come")
    run.log.assert_called_once_with("backups do not come", level="error")
    assert [(one.cluster, one.level, one.is_alert) for one in sent] == [("demo", "error", True)]


def test_the_bundle_is_the_result(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "back_up", lambda *_: manifest())
    taken = BackupTakeOperator(task_id="take").act(context(), run)
    assert (taken["bundle"], taken["keys"], taken["source"]) == (manifest().id, 400, "cp-1")


@pytest.mark.parametrize(
    ("raised", "ends"),
    [
        (SkippedError("taken since"), AirflowSkipException),
        (NotReadyError("taken since"), NotReadyError),
        (RefusedError("taken since"), AirflowFailException),
    ],
)
def test_what_is_skipped_waits_or_fails_does_so_in_airflow(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, ends: type[Exception]
) -> None:
    monkeypatch.setattr(backup, "attempt_of", Mock())
    monkeypatch.setattr(backup, "back_up", Mock(side_effect=raised))
    with pytest.raises(ends, match="taken since"):
        BackupTakeOperator(task_id="take").execute(context())


def test_a_drill_that_is_due_is_started_and_one_that_is_not_is_skipped(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, asked = BackupProveOperator(task_id="prove"), context()
    due = Mock()
    monkeypatch.setattr(backup, "require_drill_due", due)
    assert operator.act(asked, run) == "demo"
    asked["outlet_events"][DRILLS].add_partitions.assert_called_once_with("demo")
    due.side_effect = SkippedError("no drill is due")
    with pytest.raises(AirflowSkipException, match="no drill is due"):
        operator.execute(asked)


STEPS = ("expire_bundles", "require_drill_due", "_maintain")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, Mock]:
    """Each step of a run, as the operation that does it."""
    made = {name: Mock(return_value=()) for name in ("back_up", "taken_by", *STEPS)}
    made["back_up"].return_value, made["taken_by"].return_value = manifest(), None
    for name, step in made.items():
        monkeypatch.setattr(backup, name, step)
    return made


def test_one_task_does_all_steps_of_a_run(run: Any, steps: dict[str, Mock]) -> None:
    asked = context(attempt=1)
    steps["_maintain"].return_value = ["cp-1: defragmented"]
    result = BackupRunOperator(task_id="take").act(asked, run)
    assert result["bundle"] == manifest().id
    assert (result["expired"], result["drill"], result["maintenance"]) == ([], "demo", ["cp-1: defragmented"])
    asked["outlet_events"][DRILLS].add_partitions.assert_called_once_with("demo")


def test_a_drill_that_is_not_due_is_no_failure(run: Any, steps: dict[str, Mock]) -> None:
    steps["require_drill_due"].side_effect = SkippedError("no drill is due")
    assert BackupRunOperator(task_id="take").act(context(attempt=1), run)["drill"] is None


@pytest.mark.parametrize("raised", [SkippedError("not now"), NotReadyError("no member leads"), RefusedError("no")])
def test_etcd_is_looked_after_whatever_came_of_the_bundle(run: Any, steps: dict[str, Mock], raised: Exception) -> None:
    steps["back_up"].side_effect = raised
    steps["_maintain"].side_effect = NotReadyError("no member leads either")
    with pytest.raises(type(raised), match=str(raised)):
        BackupRunOperator(task_id="take").act(context(attempt=1), run)
    steps["_maintain"].assert_called_once()
    steps["expire_bundles"].assert_not_called()


@pytest.mark.parametrize("failing", STEPS)
@pytest.mark.parametrize(
    ("raised", "is_tried_again"), [(UnreachableError("away"), True), (RefusedError("not that"), False)]
)
def test_a_step_that_fails_holds_up_no_other_and_fails_the_task(
    run: Any, steps: dict[str, Mock], failing: str, raised: Exception, *, is_tried_again: bool
) -> None:
    steps[failing].side_effect = raised
    with pytest.raises(WindlassError, match=str(raised)) as error:
        BackupRunOperator(task_id="take").act(context(attempt=1), run)
    assert isinstance(error.value, TRANSIENT) == is_tried_again
    assert all(steps[name].called for name in STEPS)


def test_a_task_that_is_tried_again_goes_on_from_its_bundle(run: Any, steps: dict[str, Mock]) -> None:
    operator = BackupRunOperator(task_id="take")
    steps["taken_by"].return_value = manifest()
    assert operator.act(context(attempt=2), run)["bundle"] == manifest().id
    steps["back_up"].assert_not_called()
    operator.act(context(attempt=1), run)
    steps["back_up"].assert_called_once()


@pytest.fixture
def dispatch(monkeypatch: pytest.MonkeyPatch) -> Mock:
    store = MemoryStore()
    for name in ("a", "b", "c"):
        store.put(spec_key(name), b"")
    monkeypatch.setattr(backup, "airflow_services", lambda: services_of(store))
    due = Mock(side_effect=lambda run, *_: run.name != "b")
    monkeypatch.setattr(backup, "should_start_backup", due)
    return due


def test_a_partition_is_started_for_each_cluster_that_is_due(dispatch: Mock) -> None:
    asked = context()
    asked["outlet_events"] = {BACKUPS: Mock()}
    assert BackupDispatchOperator(task_id="dispatch").execute(asked) == ["a", "c"]
    asked["outlet_events"][BACKUPS].add_partitions.assert_called_once_with(["a", "c"])
    dispatch.side_effect = lambda *_: False
    with pytest.raises(AirflowSkipException, match="no backup is due"):
        BackupDispatchOperator(task_id="dispatch").execute(asked)
