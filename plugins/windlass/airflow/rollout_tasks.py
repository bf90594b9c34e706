"""The tasks of a rollout, wired: what every DAG that changes a running cluster consists of."""

from __future__ import annotations

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.task.trigger_rule import TriggerRule

from windlass.airflow.assets import CHANGED, UPGRADED
from windlass.airflow.errors import TASK_DEFAULTS
from windlass.airflow.operators.cluster import ClusterReleaseOperator, RunOutcomeOperator
from windlass.airflow.operators.creation import ClusterCreateOperator
from windlass.airflow.operators.rollout import (
    ApplyGateOperator,
    UpgradeApprovalOperator,
    UpgradeCheckOperator,
    UpgradeConfirmOperator,
    UpgradeGateOperator,
    UpgradeLeaseOperator,
    UpgradeResultOperator,
    UpgradeStepOperator,
    UpgradeVerifyOperator,
)
from windlass.airflow.operators.rotation import RotationGateOperator, RotationPrepareOperator, RotationReviveOperator

AFTER_GATE = ("approval", "lease", "check", "approve_changes", "confirm", "verify", "release")
"""What a rollout without a step skips: each is named, or Airflow would take a round of its scheduler for every one.

The mapped `roll` is not: Airflow skips it by the task that it is mapped over.
"""


def apply_tasks(subject: str) -> None:
    """Add the tasks of an apply to the DAG at hand: those of a rollout, and the creation of what is not there yet."""
    gate = ApplyGateOperator(task_id="gate", skips=list(AFTER_GATE), asks="approval", creates="create")
    create = ClusterCreateOperator(task_id="create")
    gate >> create >> rollout_tasks(subject, gate, CHANGED)


PHASES = ("settle_", "trust_", "reissue_", "drop_")
"""How the names of the tasks of the rollouts of a rotation begin: each takes the change one phase on, whichever is due.

The first brings the hosts to where they should be already, and has nothing to do as a rule.
"""


def rotation_tasks(subject: str) -> None:
    """Add the tasks of a rotation to the DAG at hand: one rollout after another, a phase each."""
    prepare = RotationPrepareOperator(task_id="prepare")
    before: BaseOperator = RotationReviveOperator(task_id="revive")
    prepare >> before
    for number, prefix in enumerate(PHASES):
        later = [f"{one}gate" for one in PHASES[number + 1 :]]
        after = f"{PHASES[number - 1]}result" if number else ""
        skips = [f"{prefix}{one}" for one in AFTER_GATE]
        asks = f"{prefix}approval"
        gate = RotationGateOperator(task_id=f"{prefix}gate", skips=skips, asks=asks, later=later, after=after)
        before >> gate
        before, release = _rollout(subject, gate, prefix)
    release >> _outcome(before)


def rollout_tasks(
    subject: str, gate: UpgradeGateOperator | None = None, tells: Asset = UPGRADED
) -> UpgradeResultOperator:
    """Add the tasks of a rollout to the DAG at hand, and return the last; `subject` is what its approval asks."""
    gate = gate or UpgradeGateOperator(task_id="gate", skips=list(AFTER_GATE), asks="approval")
    result, release = _rollout(subject, gate, tells=tells)
    release >> _outcome(result)
    return result


def _outcome(last: BaseOperator) -> BaseOperator:
    outcome = RunOutcomeOperator(task_id="outcome", last=last.task_id)
    outcome.as_teardown(on_failure_fail_dagrun=True)
    return outcome


def _rollout(
    subject: str, gate: UpgradeGateOperator, prefix: str = "", tells: Asset | None = None
) -> tuple[UpgradeResultOperator, BaseOperator]:
    """Add the tasks of one rollout, but for the judgement of the whole run; return its last, and what ends its lease.

    With a `prefix` to the names of its tasks, a DAG may have several of them. Nothing holds the lease while a person is
    asked. What was planned is planned again under the lease; if that is another plan than the approved one, the lease
    is given back, and somebody is asked about the changes.
    """
    approval = UpgradeApprovalOperator(task_id=f"{prefix}approval", subject=subject, asked_by=f"{prefix}gate")
    # Also where nobody is asked, but not where the gate itself was skipped.
    lease = UpgradeLeaseOperator(
        task_id=f"{prefix}lease",
        gate=f"{prefix}gate",
        approval=f"{prefix}approval",
        skips=[f"{prefix}check", f"{prefix}approve_changes"],
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
    )
    check = UpgradeCheckOperator(
        task_id=f"{prefix}check",
        gate=f"{prefix}gate",
        approval=f"{prefix}approval",
        skips=[f"{prefix}approve_changes"],
    )
    changes = UpgradeApprovalOperator(
        task_id=f"{prefix}approve_changes", subject=f"The plan has changed. {subject}", asked_by=f"{prefix}check"
    )
    # Also if nothing was looked at again, and nobody asked; where no lease was taken, Airflow skips it with that.
    confirm = UpgradeConfirmOperator(
        task_id=f"{prefix}confirm",
        gate=f"{prefix}gate",
        lease=f"{prefix}lease",
        check=f"{prefix}check",
        changes=f"{prefix}approve_changes",
        trigger_rule=TriggerRule.NONE_FAILED,
    )
    rollout = _steps(prefix, confirm)
    verify, result = _end(prefix, tells)
    release = ClusterReleaseOperator(task_id=f"{prefix}release").as_teardown(setups=lease)

    gate >> approval >> lease >> check >> changes >> confirm
    gate >> lease
    check >> confirm >> rollout >> verify >> release
    # After the lease is given back, or Airflow would skip the result along with a lease that was not needed.
    [gate, verify, release] >> result
    return result, release


def _steps(prefix: str, confirm: UpgradeConfirmOperator) -> MappedOperator:
    """Return the task that does the steps which `confirm` gives, one after the other."""
    return UpgradeStepOperator.partial(
        task_id=f"{prefix}roll",
        max_active_tis_per_dagrun=1,
        map_index_template="{{ task.step['label'] }}",
        # Which a mapped task does not have of itself.
        **{**TASK_DEFAULTS, "execution_timeout": UpgradeStepOperator.longest},
    ).expand(step=confirm.output)


def _end(prefix: str, tells: Asset | None) -> tuple[UpgradeVerifyOperator, UpgradeResultOperator]:
    """Return the tasks that verify a rollout, and say what it came to."""
    # A rollout that pauses skips what is left of it; one that had nothing to do at all is not verified.
    verify = UpgradeVerifyOperator(
        task_id=f"{prefix}verify",
        confirm=f"{prefix}confirm",
        rollout=f"{prefix}roll",
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
    )
    result = UpgradeResultOperator(
        task_id=f"{prefix}result",
        gate=f"{prefix}gate",
        confirm=f"{prefix}confirm",
        rollout=f"{prefix}roll",
        tells=tells,
        trigger_rule=TriggerRule.NONE_FAILED,
    )
    return verify, result
