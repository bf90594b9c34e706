"""How the tasks of a recovery hand its plan on; what is planned is tested without Airflow."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import DownstreamTasksSkipped

from unit.recovery.test_recovery_run import RECOVERY
from windlass.airflow.operators import recovery as recovery_operators
from windlass.airflow.operators.recovery import RecoveryApprovalOperator, RecoveryLeaseOperator, RecoveryPlanOperator
from windlass.airflow.recovery import recovery_plan, recovery_request
from windlass.airflow.run_context import RunContext
from windlass.domain.lease import Owner
from windlass.domain.recovery import RecoveryRequest
from windlass.domain.recovery.handover import RecoveryHandover


def context(recovery: RecoveryHandover = RECOVERY, **params: Any) -> Any:
    made = {"ti": Mock(), "params": {"cluster": "demo", **params}}
    made["ti"].xcom_pull.return_value = recovery.value()
    return made


def test_the_plan_goes_from_task_to_task() -> None:
    assert recovery_plan(context()) == RECOVERY


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_param_is_no_wish(empty: str | None) -> None:
    names = ["bundle", "restore_versions", "overwrite_healthy", "confirm_name"]
    assert recovery_request(dict.fromkeys(names, empty)) == recovery_request({})


def test_params_become_a_wish() -> None:
    assert recovery_request({}) == RecoveryRequest("newest")
    asked = {"bundle": "2026-11-23T07:45", "restore_versions": True, "overwrite_healthy": True, "confirm_name": "demo"}
    assert recovery_request(asked) == RecoveryRequest(
        "2026-11-23T07:45", restore_versions=True, overwrite_healthy=True, confirm_name="demo"
    )


@pytest.mark.parametrize("plan_only", [True, False])
def test_what_comes_after_a_plan_is_skipped_if_only_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, *, plan_only: bool
) -> None:
    monkeypatch.setattr(recovery_operators, "plan_run", lambda *_: RECOVERY)
    plan, asked = RecoveryPlanOperator(task_id="plan", skips=["approve"]), context(plan_only=plan_only)
    if plan_only:
        with pytest.raises(DownstreamTasksSkipped):
            plan.act(asked, Mock())
        asked["ti"].xcom_push.assert_called_once_with(key="return_value", value=RECOVERY.value())
    else:
        assert plan.act(asked, Mock()) == RECOVERY.value()


@pytest.mark.parametrize("approved", [True, False])
def test_a_person_is_asked_unless_the_plan_says_otherwise(monkeypatch: pytest.MonkeyPatch, *, approved: bool) -> None:
    asked = Mock()
    monkeypatch.setattr(ApprovalOperator, "execute", asked)
    monkeypatch.setattr(recovery_operators, "two_people_for", lambda *_: None)
    recovery = replace(RECOVERY, approved="the spec says so" if approved else "")
    run = Mock(dag_id="disaster_recovery", run_id="one", partition_key=None, triggering_user_name=None)

    RecoveryApprovalOperator(task_id="approve").execute({**context(recovery), "dag_run": run})

    assert asked.called is not approved


def test_what_is_lost_is_before_the_eyes_of_who_is_asked() -> None:
    operator = RecoveryApprovalOperator(task_id="approve")
    assert {"subject", "body"} <= set(operator.template_fields)
    asked = replace(RECOVERY, question="## Recover demo?\n\n- {{ params }} {% raw %} {# stays #}")
    told: Any = {"ti": SimpleNamespace(xcom_pull=lambda task_ids: {"plan": asked.value()}[task_ids]), "params": {}}
    assert operator.render_template(operator.body, told) == asked.question


def test_the_second_person_is_looked_for_before_the_lease_is_taken_and_then_the_bundle_adopted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = Mock()
    monkeypatch.setattr(recovery_operators, "take_over_cluster", done.take)
    monkeypatch.setattr(recovery_operators, "adopt_bundle", done.adopt)
    monkeypatch.setattr(recovery_operators, "require_approval", done.approve)
    run = Mock(spec=RunContext, owner=Owner("disaster_recovery", "one"))
    run.working.side_effect = lambda: nullcontext(run)
    assert (
        RecoveryLeaseOperator(task_id="lease", approval="approve").act(context(), run) == "disaster_recovery (run one)"
    )
    assert [call[0] for call in done.method_calls] == ["approve", "take", "adopt"]
