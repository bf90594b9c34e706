"""The tasks of a rollout, wired: what every DAG that changes a running cluster consists of."""

from __future__ import annotations

from airflow.task.trigger_rule import TriggerRule

from windlass.airflow.errors import TASK_DEFAULTS
from windlass.airflow.operators.cluster import ClusterReleaseOperator, RunOutcomeOperator
from windlass.airflow.operators.rollout import (
    ApplyGateOperator,
    ClusterCreateOperator,
    UpgradeApprovalOperator,
    UpgradeCheckOperator,
    UpgradeConfirmOperator,
    UpgradeGateOperator,
    UpgradeLeaseOperator,
    UpgradeResultOperator,
    UpgradeStepOperator,
    UpgradeVerifyOperator,
)


def apply_tasks(subject: str) -> None:
    """Add the tasks of an apply to the DAG at hand: those of a rollout, and the creation of what is not there yet."""
    gate = ApplyGateOperator(task_id="gate", skips=["approval"], creates="create")
    create = ClusterCreateOperator(task_id="create")
    gate >> create >> rollout_tasks(subject, gate)


def rollout_tasks(subject: str, gate: UpgradeGateOperator | None = None) -> UpgradeResultOperator:
    """Add the tasks of a rollout to the DAG at hand, and return the last; `subject` is what its approval asks.

    Nothing holds the lease while a person is asked. What was planned is planned again under the lease; if that is
    another plan than the approved one, the lease is given back, and somebody is asked about the changes.
    """
    gate = gate or UpgradeGateOperator(task_id="gate", skips=["approval"])
    approval = UpgradeApprovalOperator(task_id="approval", subject=subject, asked_by="gate")
    lease = UpgradeLeaseOperator(task_id="lease")
    check = UpgradeCheckOperator(
        task_id="check", gate="gate", approval="approval", lease="lease", skips=["approve_changes"]
    )
    changes = UpgradeApprovalOperator(
        task_id="approve_changes", subject=f"The plan has changed. {subject}", asked_by="check"
    )
    # Also if nobody had to be asked again.
    confirm = UpgradeConfirmOperator(
        task_id="confirm",
        check="check",
        changes="approve_changes",
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
    )
    rollout = UpgradeStepOperator.partial(
        task_id="roll",
        max_active_tis_per_dagrun=1,
        map_index_template="{{ task.step['label'] }}",
        # Which a mapped task does not have of itself.
        **{**TASK_DEFAULTS, "execution_timeout": UpgradeStepOperator.longest},
    ).expand(step=confirm.output)
    # A rollout that pauses skips what is left of it; one that had nothing to do at all is not verified.
    verify = UpgradeVerifyOperator(
        task_id="verify", confirm="confirm", rollout="roll", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
    )
    result = UpgradeResultOperator(
        task_id="result", gate="gate", confirm="confirm", rollout="roll", trigger_rule=TriggerRule.NONE_FAILED
    )
    release = ClusterReleaseOperator(task_id="release").as_teardown(setups=lease)
    outcome = RunOutcomeOperator(task_id="outcome", last="result").as_teardown(on_failure_fail_dagrun=True)

    gate >> approval >> lease >> check >> changes >> confirm
    check >> confirm >> rollout >> verify >> release >> outcome
    # After the lease is given back, or Airflow would skip the result along with a lease that was not needed.
    [gate, verify, release] >> result
    return result
