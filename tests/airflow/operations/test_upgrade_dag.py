from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from unittest.mock import Mock

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import DownstreamTasksSkipped

from windlass.airflow.operators import rollout as operators
from windlass.airflow.operators.rollout import (
    UpgradeCheckOperator,
    UpgradeConfirmOperator,
    UpgradeGateOperator,
    UpgradeLeaseOperator,
    UpgradeResultOperator,
)
from windlass.airflow.run_context import RunContext
from windlass.domain.lease import Owner
from windlass.domain.rollout import Approval, Step
from windlass.domain.rollout.recent_plan import PlanSeen
from windlass.errors import RefusedError
from windlass.operations.rollout.approved_plan import CheckedPlan
from windlass.operations.rollout.upgrade import UpgradePlan
from windlass.operations.two_people import TwoPeople

DAGS = Path(__file__).resolve().parents[3] / "dags"
STEP = Step("etcd", ("cp-2",), ("cp-2: etcd v3.6.16 -> v3.7.3",)).value()


@pytest.fixture(scope="module")
def dag() -> Any:
    return DagBag(str(DAGS), load_op_links=False).dags["upgrade_cluster"]


def test_nothing_holds_the_lease_while_a_person_is_asked(dag: Any) -> None:
    assert dag.get_task("approval").downstream_task_ids == {"lease"}
    assert "lease" not in dag.get_task("approval").get_flat_relative_ids(upstream=True)
    assert dag.get_task("release").is_teardown


def test_what_was_looked_at_before_is_looked_at_again_under_the_lease(dag: Any) -> None:
    assert dag.get_task("lease").downstream_task_ids >= {"check"}
    assert dag.get_task("lease").skips == ["check", "approve_changes"]
    assert dag.get_task("roll").upstream_task_ids == {"confirm"}
    assert dag.get_task("confirm").upstream_task_ids == {"check", "approve_changes"}


def test_who_is_asked_reads_the_question_as_the_gate_made_it(dag: Any) -> None:
    question = "## Upgrade demo?\n\n- {{ params }} {% raw %} {# stays #}"
    ti = SimpleNamespace(xcom_pull=lambda task_ids: {"gate": {"text": "of the log", "question": question}}[task_ids])
    approval = dag.get_task("approval")
    assert approval.render_template(approval.body, {"ti": ti, "params": {}}) == question


def test_the_roll_is_one_mapped_task_a_step_one_at_a_time(dag: Any) -> None:
    rollout = dag.get_task("roll")
    assert rollout.is_mapped
    assert rollout.max_active_tis_per_dagrun == 1


def test_no_backfill_and_every_killed_task_is_tried_again(dag: Any) -> None:
    assert {str(getattr(kind, "value", kind)) for kind in dag.allowed_run_types} == {"scheduled", "manual"}
    assert [task.task_id for task in dag.tasks if not task.is_mapped and not task.retries] == []
    assert dag.get_task("roll").retries


GATE = {"from": "v1.36.3", "to": "v1.37.2", "findings": [{"name": "capacity", "verdict": "warning"}], "steps": [STEP]}


@pytest.mark.parametrize(
    ("params", "steps", "complete", "state", "told"),
    [
        ({"plan_only": True}, None, None, "planned", "v1.36.3 -> v1.37.2: planned only, nothing was changed"),
        ({}, None, None, "nothing", "v1.37.2: nothing to change"),
        ({}, [STEP], True, "done", "v1.36.3 -> v1.37.2: done, 1 changes"),
        ({"stop_after": "cp-2"}, [STEP], False, "paused", "paused after cp-2; the cluster serves"),
    ],
)
@pytest.mark.parametrize("bare", [True, False], ids=["as one value", "as a list"])
def test_the_result_says_in_one_value_what_the_run_came_to(
    params: dict[str, Any], steps: Any, complete: Any, state: str, told: str, *, bare: bool
) -> None:
    known = {("gate", None): GATE, ("confirm", None): steps, ("confirm", "is_complete"): complete}
    changed = {"cp-2": ["etcd"]}
    known["roll", None] = (changed if bare else [changed]) if steps else None
    ti = Mock(dag_id="upgrade_cluster")
    ti.get_task_states.return_value = {"one": {"roll_0": "success"}}
    ti.xcom_pull.side_effect = lambda task_ids, key=None: known.get((task_ids, key))
    run = Mock(spec=RunContext, owner=Owner("upgrade_cluster", "one"))
    run.name = "demo"
    operator = UpgradeResultOperator(task_id="result", gate="gate", confirm="confirm", rollout="roll")

    result = operator.act({"ti": ti, "params": params, "dag_run": Mock(run_id="one")}, run)  # type: ignore[typeddict-item]

    assert (result["state"], result["from"], result["to"]) == (state, "v1.36.3", "v1.37.2")
    assert [one["name"] for one in result["warnings"]] == ["capacity"]
    assert result["changed"] == (["cp-2: etcd"] if steps else [])
    if state == "planned":
        run.log.assert_not_called()
        run.lease.assert_not_called()
    else:
        assert told in run.log.call_args.args[0]
        run.lease.return_value.release.assert_called_once_with()


PLANNED = {"to": "v1.37.2", "plan": {"digest": "a"}}


def is_asked(monkeypatch: pytest.MonkeyPatch, two_people: TwoPeople | None = None, *, needed: bool = True) -> None:
    monkeypatch.setattr(operators, "two_people_for", lambda *_: two_people)
    monkeypatch.setattr(operators, "approval_for", lambda *_, **__: Approval(is_needed=needed, reason="why"))


@pytest.mark.parametrize(("settled", "plan_only"), [(True, False), (False, True), (False, False)])
def test_what_comes_after_the_gate_is_skipped_if_nothing_is_to_be_done_or_only_planned(
    monkeypatch: pytest.MonkeyPatch, *, settled: bool, plan_only: bool
) -> None:
    monkeypatch.setattr(operators, "plan_upgrade", lambda *_: UpgradePlan(PLANNED, settled))
    is_asked(monkeypatch)
    gate = UpgradeGateOperator(task_id="gate", skips=["approval", "lease"], asks="approval")
    context: Any = {"params": {"plan_only": plan_only}, "ti": Mock()}
    if settled or plan_only:
        with pytest.raises(DownstreamTasksSkipped) as skipped:
            gate.act(context, Mock())
        assert skipped.value.tasks == ["approval", "lease"]
        context["ti"].xcom_push.assert_called_once_with(key="return_value", value=PLANNED)
    else:
        assert gate.act(context, Mock()) == PLANNED


@pytest.mark.parametrize("two_people", [None, TwoPeople("the spec says so", "a")])
@pytest.mark.parametrize("needed", [True, False])
def test_the_task_that_asks_is_skipped_where_nobody_is_asked_and_two_people_are_not_needed(
    monkeypatch: pytest.MonkeyPatch, two_people: TwoPeople | None, *, needed: bool
) -> None:
    monkeypatch.setattr(operators, "plan_upgrade", lambda *_: UpgradePlan(PLANNED, is_settled=False))
    is_asked(monkeypatch, two_people, needed=needed)
    gate = UpgradeGateOperator(task_id="gate", skips=["approval", "lease"], asks="approval")
    context: Any = {"params": {}, "ti": Mock()}
    if needed or two_people:
        assert gate.act(context, Mock()) == PLANNED
    else:
        with pytest.raises(DownstreamTasksSkipped) as skipped:
            gate.act(context, Mock())
        assert skipped.value.tasks == ["approval"]


@pytest.mark.parametrize("steps", [(Step("etcd", ("cp-2",), ()),), ()])
def test_what_is_confirmed_always_has_a_step_and_says_whether_that_is_all(
    monkeypatch: pytest.MonkeyPatch, steps: tuple[Step, ...]
) -> None:
    plan = CheckedPlan(steps, goes_to_the_end=True, plan={"digest": "a"})
    monkeypatch.setattr(operators, "confirm_plan", lambda *_: plan)
    context: Any = {"params": {}, "ti": Mock(**{"xcom_pull.return_value": plan.value()})}
    given = confirming().act(context, Mock())
    assert [one["kind"] for one in given] == (["etcd"] if steps else ["prefetch"])
    context["ti"].xcom_push.assert_called_once_with(key="is_complete", value=True)


def confirming() -> UpgradeConfirmOperator:
    return UpgradeConfirmOperator(
        task_id="confirm", gate="gate", lease="lease", check="check", changes="approve_changes"
    )


@pytest.mark.parametrize("seen_as", ["nobody", "another run"])
def test_what_was_just_planned_and_nobody_was_asked_about_is_not_looked_at_twice(
    monkeypatch: pytest.MonkeyPatch, seen_as: str
) -> None:
    now = datetime.now(UTC)
    gate = {"plan": {"digest": "a"}, "seen": PlanSeen(seen_as, now).value()}
    ti = Mock(**{"xcom_pull.side_effect": lambda task_ids: {"gate": gate, "approval": None}[task_ids]})
    monkeypatch.setattr(operators, "take_over_cluster", lambda _: "nobody")
    lease = UpgradeLeaseOperator(task_id="lease", gate="gate", approval="approval", skips=["check", "approve_changes"])
    context: Any = {"params": {}, "ti": ti}
    run = Mock(**{"clock.now.return_value": now}, owner="one")
    if seen_as == "nobody":
        with pytest.raises(DownstreamTasksSkipped) as skipped:
            lease.act(context, run)
        assert skipped.value.tasks == ["check", "approve_changes"]
    else:
        assert lease.act(context, run) == "one"
    ti.xcom_push.assert_any_call(key="before", value="nobody")


def test_what_somebody_approved_is_always_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now, answer = datetime.now(UTC), {"chosen_options": ["Approve"]}
    gate = {"plan": {"digest": "a"}, "seen": PlanSeen("nobody", now).value()}
    ti = Mock(**{"xcom_pull.side_effect": lambda task_ids: {"gate": gate, "approval": answer}[task_ids]})
    monkeypatch.setattr(operators, "take_over_cluster", lambda _: "nobody")
    lease = UpgradeLeaseOperator(task_id="lease", gate="gate", approval="approval", skips=["check"])
    context: Any = {"params": {}, "ti": ti}
    assert lease.act(context, Mock(**{"clock.now.return_value": now}, owner="one")) == "one"


def test_two_people_are_needed_for_what_is_not_looked_at_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise RefusedError("two people")

    known = {"gate": {"plan": {"digest": "a"}}, "lease": "nobody", "check": None}
    monkeypatch.setattr(operators, "require_approval", refuse)
    context: Any = {"params": {}, "ti": Mock(**{"xcom_pull.side_effect": lambda task_ids, key="": known[task_ids]})}
    with pytest.raises(RefusedError, match="two people"):
        confirming().act(context, Mock())


@pytest.mark.parametrize("changes", [(), ("new: host w-1: w-1: files: /etc/x",)])
@pytest.mark.parametrize("answer", [None, {"chosen_options": ["Approve"]}])
def test_somebody_is_asked_again_only_about_a_plan_that_has_changed_since_somebody_approved_it(
    monkeypatch: pytest.MonkeyPatch, answer: Any, changes: tuple[str, ...]
) -> None:
    checked = CheckedPlan((), goes_to_the_end=True, plan={"digest": "b"}, changes=changes, question="## Again?")
    known = {"gate": {"plan": {"digest": "a"}}, "approval": answer, "lease": None}
    ti, given = Mock(**{"xcom_pull.side_effect": lambda task_ids, key="": known[task_ids]}), []
    monkeypatch.setattr(operators, "check_again", lambda *args: given.append(args[-1]) or checked)
    monkeypatch.setattr(operators, "require_approval", lambda *_: None)
    operator = UpgradeCheckOperator(task_id="check", gate="gate", approval="approval", skips=["approve_changes"])
    context: Any = {"params": {}, "ti": ti}
    if changes:
        assert operator.act(context, Mock())["question"] == "## Again?"
    else:
        with pytest.raises(DownstreamTasksSkipped) as skipped:
            operator.act(context, Mock())
        assert skipped.value.tasks == ["approve_changes"]
    assert given == [{"digest": "a"} if answer else None]
