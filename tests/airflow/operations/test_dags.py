from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.api_fastapi.execution_api.routes import dag_runs
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowRuntimeError, DownstreamTasksSkipped, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse
from fastapi import HTTPException
from sqlalchemy.exc import NoResultFound

from windlass.airflow.operators.cluster import (
    ClusterConfirmOperator,
    ClusterForgetOperator,
    ClusterRecordOperator,
)
from windlass.airflow.other_runs import finished_by
from windlass.airflow.run_context import RunContext
from windlass.domain.lease import Owner
from windlass.errors import RefusedError, WindlassError

DAGS = Path(__file__).resolve().parents[3] / "dags"
OWNER = Owner("create_cluster", "one")
LEASED = ["create_cluster", "delete_cluster", "replace_member", "disaster_recovery", "restore_objects"]


@pytest.fixture(scope="module")
def dags() -> Any:
    return DagBag(str(DAGS), load_op_links=False).dags


@pytest.mark.parametrize("name", LEASED)
def test_the_lease_is_taken_before_anything_changes_and_given_back_however_it_ends(dags: Any, name: str) -> None:
    dag = dags[name]
    lease, release = dag.get_task("lease"), dag.get_task("release")
    readers = {"plan.validate", "plan.provision", "plan.preflight", "plan", "approve", "confirm", "record"}

    assert release.is_teardown
    assert "lease" in release.upstream_task_ids
    changing = set(dag.task_ids) - readers - {"lease", "release"}
    assert changing <= lease.get_flat_relative_ids(upstream=False)


@pytest.mark.parametrize("name", LEASED)
def test_what_changes_a_cluster_is_never_run_by_a_backfill(dags: Any, name: str) -> None:
    assert kinds(dags[name]) - {"operator_triggered"} == {"scheduled", "manual"}


def kinds(dag: Any) -> set[str]:
    return {str(getattr(kind, "value", kind)) for kind in dag.allowed_run_types}


def test_a_dag_that_another_one_triggers_lets_it(dags: Any) -> None:
    triggered = {
        task.trigger_dag_id for dag in dags.values() for task in dag.tasks if isinstance(task, TriggerDagRunOperator)
    }
    assert "create_cluster" in triggered
    assert {name for name in triggered if "operator_triggered" not in kinds(dags[name])} == set()


def test_a_dag_of_somebodys_own_may_apply_a_spec_by_its_schedule_and_delete_nothing(dags: Any) -> None:
    assert "operator_triggered" in kinds(dags["apply_cluster"])
    for name in ("delete_cluster", "disaster_recovery", "restore_objects"):
        assert "operator_triggered" not in kinds(dags[name])


def test_everything_of_the_cluster_starts_together(dags: Any) -> None:
    dag = dags["create_cluster"]
    for task in ("etcd", "control_plane", "workers", "services"):
        assert dag.get_task(f"cluster.{task}").upstream_task_ids == {"hosts.prepare", "hosts.certificates"}


@pytest.mark.parametrize("name", LEASED)
def test_every_task_that_was_killed_is_tried_again(dags: Any, name: str) -> None:
    assert [task.task_id for task in dags[name].tasks if not task.retries] == []


def context(**params: Any) -> Any:
    return {"ti": Mock(), "params": {"cluster": "demo", **params}}


def run() -> Any:
    made = Mock(spec=RunContext, name="run", owner=OWNER)
    made.name = "demo"
    member = Mock()
    member.name = "cp-1"
    made.cluster.return_value.spec.hosts.members = [member]
    made.cluster.return_value.model_copy.return_value = made.cluster.return_value
    made.working.side_effect = lambda: nullcontext(made)
    made.records.rollout.return_value, made.records.left_hosts.return_value = None, ()
    return made


@pytest.mark.parametrize(
    ("state", "finished"),
    [("running", False), ("queued", False), ("success", True), ("failed", True), ("a new state", None), (None, None)],
)
def test_a_run_is_over_when_airflow_says_so(state: str | None, *, finished: bool | None) -> None:
    asked = context()
    asked["ti"].get_dagrun_state.return_value = state
    assert finished_by(asked)(OWNER) is finished


def answered(status: int, body: Any) -> ErrorResponse:
    """Return what a task gets where the API server answered with an error, as the supervisor wraps it."""
    detail = {"status_code": status, "message": "Server returned error", "detail": body}
    return ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail)


NO_SUCH_RUN = {"detail": {"reason": "not_found", "message": "Dag run with dag_id 'a' and run_id 'b' was not found"}}


def test_a_run_that_airflow_says_it_does_not_have_holds_nothing() -> None:
    asked = context()
    asked["ti"].get_dagrun_state.side_effect = AirflowRuntimeError(answered(404, NO_SUCH_RUN))
    assert finished_by(asked)(OWNER) is True


@pytest.mark.parametrize(
    "error",
    [
        AirflowRuntimeError(answered(404, {"detail": "Not Found"})),
        AirflowRuntimeError(answered(404, None)),
        AirflowRuntimeError(answered(404, ["not_found"])),
        AirflowRuntimeError(answered(404, {"detail": [{"reason": "not_found"}]})),
        AirflowRuntimeError(answered(500, NO_SUCH_RUN)),
        AirflowRuntimeError(answered(502, {"detail": "Bad Gateway"})),
        AirflowRuntimeError(answered(401, {"detail": {"reason": "token_expired"}})),
        AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR)),
        AirflowRuntimeError(ErrorResponse(error=ErrorType.GENERIC_ERROR, detail={"detail": NO_SUCH_RUN})),
        AirflowRuntimeError(ErrorResponse(error=ErrorType.PERMISSION_DENIED, detail={"status_code": 403})),
        ConnectionError("the supervisor is gone"),
        TimeoutError(),
        ValueError("no answer of that form"),
    ],
    ids=repr,
)
def test_whatever_else_goes_wrong_tells_nothing_of_the_run(error: Exception) -> None:
    asked = context()
    asked["ti"].get_dagrun_state.side_effect = error
    assert finished_by(asked)(OWNER) is None


def test_what_airflow_says_of_a_run_that_it_does_not_have_is_what_is_looked_for() -> None:
    """By Airflow's own route and its own supervisor's words, so that another release of Airflow is noticed here."""
    with pytest.raises(HTTPException) as raised:
        dag_runs.get_dagrun_state("a", "b", Mock(scalars=Mock(return_value=Mock(one=Mock(side_effect=NoResultFound)))))
    assert answered(raised.value.status_code, {"detail": raised.value.detail}) == answered(404, NO_SUCH_RUN)


def test_deleting_needs_the_name() -> None:
    operator = ClusterConfirmOperator(task_id="confirm", skips=["lease"])
    with pytest.raises(RefusedError, match="confirm_name"):
        operator.act(context(confirm_name="other"), run())
    confirmed = run()
    assert operator.act(context(confirm_name="demo"), confirmed) == ["cp-1"]
    confirmed.delete_lease.return_value.acquire.assert_called_once_with()


def test_planning_a_deletion_skips_it() -> None:
    operator = ClusterConfirmOperator(task_id="confirm", skips=["lease"])
    asked = context(confirm_name="demo", plan_only=True)
    planned = run()
    with pytest.raises(DownstreamTasksSkipped):
        operator.act(asked, planned)
    planned.delete_lease.assert_not_called()
    asked["ti"].xcom_push.assert_called_once_with(key="return_value", value=["cp-1"])


@pytest.mark.parametrize(
    ("params", "keeps"), [({}, True), ({"keep_backups": None}, True), ({"keep_backups": False}, False)]
)
def test_backups_go_with_their_cluster_only_where_that_was_said(params: dict[str, Any], *, keeps: bool) -> None:
    at = run()
    at.vault.return_value.forget.return_value, at.records.forget.return_value = ["a bundle"], ["the spec"]

    gone = ClusterForgetOperator(task_id="forget").act(context(**params), at)

    assert gone == (["the spec"] if keeps else ["a bundle", "the spec"])
    at.records.forget.assert_called_once_with(keep_backups=keeps)


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ({}, "create_cluster: nothing to change"),
        (
            {"prepare": {"cp-1": ["files", "image"], "w-1": []}, "services": ["labels of w-1"]},
            "create_cluster: 3 changes",
        ),
    ],
)
def test_the_record_counts_what_was_changed(results: dict[str, Any], told: str) -> None:
    operator, asked, at = ClusterRecordOperator(task_id="record", steps=["prepare", "services"]), context(), run()
    asked["ti"].xcom_pull.side_effect = lambda **asked: results.get(asked["task_ids"])

    assert operator.act(asked, at) == told
    assert at.log.call_args.args == (told,)


def test_a_run_that_only_planned_writes_no_record() -> None:
    operator, at = ClusterRecordOperator(task_id="record", steps=[]), run()
    assert "planned only" in operator.act(context(plan_only=True), at)
    at.log.assert_not_called()


def test_what_any_step_changed_is_recorded(dags: Any) -> None:
    dag = dags["create_cluster"]
    changing = {task.task_id for task in dag.tasks if task.task_id.startswith(("hosts.", "cluster."))}
    assert set(dag.get_task("record").steps) == changing


LASTS = {
    "create_cluster": "record",
    "delete_cluster": "forget",
    "replace_member": "replace",
    "disaster_recovery": "verify",
    "restore_objects": "restore",
    "upgrade_cluster": "result",
    "apply_cluster": "result",
}


def set_to_failed(dag: Any, at: str) -> dict[str, str]:
    """Return the states that Airflow leaves after a person set a run to failed while the task `at` ran."""
    before = set(dag.get_task(at).get_flat_relative_ids(upstream=True))
    teardowns = {task.task_id for task in dag.tasks if task.is_teardown}
    rest = set(dag.task_ids) - before - teardowns - {at}
    return {**dict.fromkeys(before, "success"), at: "failed", **dict.fromkeys(rest, "skipped")}


@pytest.mark.parametrize("name", LASTS)
def test_a_run_that_was_set_to_failed_does_not_end_as_a_success(dags: Any, name: str) -> None:
    dag = dags[name]
    outcome, lease = dag.get_task("outcome"), dag.get_task("lease")
    assert outcome.is_teardown
    assert outcome.on_failure_fail_dagrun, "Airflow judges the run by it"
    assert not outcome.downstream_task_ids
    assert outcome.upstream_task_ids == {"release"}, "what it is downstream of counts no more by itself"
    teardowns = {task.task_id for task in dag.tasks if task.is_teardown}
    for at in sorted(set(dag.task_ids) - teardowns - {LASTS[name]}):
        asked = context()
        asked["dag_run"] = Mock(dag_id=name, run_id="one")
        asked["ti"].get_task_states.return_value = {"one": set_to_failed(dag, at)}
        with pytest.raises(WindlassError, match=f"one did not come to its end: failed: {at}"):
            outcome.act(asked, run())
        states = {**set_to_failed(dag, at), at: "success"}
        asked["ti"].get_task_states.return_value = {"one": states}
        if lease.task_id in {at, *dag.get_task(at).get_flat_relative_ids(upstream=True)}:
            with pytest.raises(WindlassError, match=f"`{LASTS[name]}` was skipped"):
                outcome.act(asked, run())
        asked["ti"].get_task_states.return_value = {"one": dict.fromkeys(dag.task_ids, "success")}
        assert outcome.act(asked, run()) == "came to its end"


def test_a_drill_that_fails_or_is_set_to_failed_fails_its_run(dags: Any) -> None:
    dag = dags["restore_drill"]
    outcome = dag.get_task("outcome")
    assert outcome.on_failure_fail_dagrun
    assert not dag.get_task("clear").on_failure_fail_dagrun, "or the drill itself would not count"
    assert dag.get_task("drill").downstream_task_ids == {"clear"}
    assert outcome.upstream_task_ids == {"clear"}
