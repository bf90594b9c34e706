"""The steps of an upgrade: the gate, the approval, the gate again, the roll step by step, the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Context

from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.errors import TASK_DEFAULTS
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.rollout import IS_COMPLETE, upgrade_request, upgrade_run
from windlass.airflow.run_context import RunContext
from windlass.airflow.step_order import require_step_order
from windlass.airflow.time_limits import STEP, WORK
from windlass.domain.pki import Rotated
from windlass.domain.rollout import PREFETCH, Step
from windlass.operation_names import Operation
from windlass.operations.rollout.approved_plan import CheckedPlan, check_again, confirm_plan, planned_just_now
from windlass.operations.rollout.pause import ask_to_pause
from windlass.operations.rollout.revive import revive
from windlass.operations.rollout.rotation import prepare_rotation
from windlass.operations.rollout.upgrade import (
    approval_for,
    do_upgrade_step,
    end_upgrade_run,
    is_to_be_created,
    plan_upgrade,
    require_approval,
    skip_if_paused,
    take_over_cluster,
    two_people_for,
    verify_upgrade,
)
from windlass.operations.two_people import TwoPeople

BEFORE = "before"
"""The XCom key of who had the lease before this run."""


class UpgradeGateOperator(ClusterOperator):
    """Looks at everything that an upgrade could stumble over, and plans it; nothing is changed.

    If nothing is to be done, or only the plan was asked for, the steps after it (`skips`) are skipped.
    """

    def __init__(self, *, skips: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.skips = skips

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return findings and plan; RefusedError says everything that holds the upgrade up, and what to do."""
        request = upgrade_request(context["params"])
        plan = plan_upgrade(run, request, self.log.info)
        if plan.is_settled or request.plan_only:
            self.skip(context, self.skips, dict(plan.value))
        return dict(plan.value)


class ApplyGateOperator(UpgradeGateOperator):
    """Plans an apply as an upgrade is planned; a cluster that is not there yet is left to the task that creates it.

    `creates` is that task; it is skipped where there is a cluster, and else all that follows the gate (`skips`) is.
    """

    def __init__(self, *, creates: str, **options: Any) -> None:
        super().__init__(**options)
        self.creates = creates

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return findings and plan, or that the cluster is created first."""
        request = upgrade_request(context["params"])
        if is_to_be_created(run, request):
            self.log.info("cluster %s is not there yet, or not complete: `%s` makes it", run.name, Operation.CREATE)
            self.skip(context, self.skips, {"creates": True})
        plan = plan_upgrade(run, request, self.log.info)
        is_over = plan.is_settled or request.plan_only
        self.skip(context, [self.creates, *(self.skips if is_over else ())], dict(plan.value))


class RotationPrepareOperator(ClusterOperator):
    """Makes the new authorities and keys of a rotation and stores them; nothing uses them yet."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what is being changed and how far it has come; nothing is made for a plan alone."""
        request = upgrade_request(context["params"])
        if request.plan_only:
            return []
        return list(prepare_rotation(run, [Rotated(one) for one in request.rotates]))


class RotationReviveOperator(ClusterOperator):
    """Brings new certificates to all hosts at once where those that they have are over; else it does nothing."""

    longest = WORK

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was changed by host."""
        if upgrade_request(context["params"]).plan_only:
            return {}
        return self.tell(revive(run, self.log.info))


class RotationGateOperator(UpgradeGateOperator):
    """Plans the next phase of a rotation; the gates of `later` phases are skipped for a plan alone.

    So are all where the phase before, whose result is the task `after`, was paused; empty for the first phase.
    """

    def __init__(self, *, later: list[str], after: str, **options: Any) -> None:
        super().__init__(**options)
        self.later, self.after = later, after

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return findings and plan."""
        before = (context["ti"].xcom_pull(task_ids=self.after) or {}) if self.after else {}
        if before.get("state") == "paused":
            self.skip(context, [*self.skips, *self.later], {})
        if upgrade_request(context["params"]).plan_only:
            self.skips = [*self.skips, *self.later]
        return super().act(context, run)


class ClusterCreateOperator(TriggerDagRunOperator):
    """Has a run of its own create the cluster, with this run's spec, and waits for its end."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            trigger_dag_id=Operation.CREATE,
            trigger_run_id="apply__{{ run_id }}",
            wait_for_completion=True,
            # A try that was killed has triggered the run already, which goes on from where it is.
            reset_dag_run=True,
            poke_interval=10,
            deferrable=True,
            **{**TASK_DEFAULTS, **options},
        )

    def execute(self, context: Context) -> None:
        """Trigger the run with what this one was given; the task fails if that run does."""
        given = ("cluster", "spec", "plan_only", "reason")
        self.conf = {name: context["params"].get(name) for name in given if context["params"].get(name) is not None}
        super().execute(context)


class UpgradeApprovalOperator(ClusterApprovalOperator):
    """Asks a person with the plan in front of them, unless spec, window or the run's params say that none is needed.

    The plan is that of the task `asked_by`.
    """

    def __init__(self, *, asked_by: str, **options: Any) -> None:
        super().__init__(body=f"{{{{ ti.xcom_pull(task_ids='{asked_by}')['question'] }}}}", **options)
        self.asked_by = asked_by

    def two_people(self, context: Context) -> TwoPeople | None:
        """Return what the plan needs besides whoever started the run."""
        plan = context["ti"].xcom_pull(task_ids=self.asked_by)["plan"]
        return two_people_for(RunContext.of(context), upgrade_request(context["params"]), plan["digest"])

    def approved_by(self, context: Context) -> str:
        """Return why nobody needs to be asked; empty if somebody must."""
        params = context["params"]
        approval = approval_for(
            RunContext.of(context),
            auto_approve=bool(params.get("auto_approve")),
            outside_window=bool(params.get("outside_window")),
        )
        self.log.info("%s", approval.reason)
        return "" if approval.is_needed else approval.reason


class UpgradeLeaseOperator(ClusterOperator):
    """Takes the cluster's lease for this run; the spec is stored at the end, when it is true."""

    def act(self, context: Context, run: RunContext) -> str:
        """Return who holds the lease now; RefusedError names the run that holds it instead."""
        context["ti"].xcom_push(key=BEFORE, value=take_over_cluster(run))
        return str(run.owner)


class UpgradeCheckOperator(ClusterOperator):
    """Plans again, now that nobody else changes the cluster, and compares the plan with the one that was approved.

    If it is the same, or nobody was asked, nobody is asked again: the tasks that would (`skips`) are skipped.
    """

    def __init__(self, *, gate: str, approval: str, lease: str, skips: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.gate, self.approval, self.lease, self.skips = gate, approval, lease, skips

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return the plan and what has changed since; RefusedError if the gate is closed by now."""
        pull = context["ti"].xcom_pull
        answer, handed = pull(task_ids=self.approval), pull(task_ids=self.gate)
        request, before = upgrade_request(context["params"]), pull(task_ids=self.lease, key=BEFORE) or ""
        require_approval(run, request, handed["plan"]["digest"], answer)
        # What somebody has looked at for a while is looked at again in any case.
        checked = None if answer is not None else planned_just_now(run, request, handed, before, self.log.info)
        checked = checked or check_again(run, request, self.log.info, handed["plan"] if answer is not None else None)
        if not checked.changes:
            self.skip(context, self.skips, checked.value())
        return checked.value()


class UpgradeConfirmOperator(ClusterOperator):
    """Gives the steps to do, under the lease: those of the approved plan, and no others.

    `changes` is the task that asks about a plan which has changed since.
    """

    def __init__(self, *, check: str, changes: str, **options: Any) -> None:
        super().__init__(**options)
        self.check, self.changes = check, changes

    def act(self, context: Context, run: RunContext) -> list[dict[str, Any]]:
        """Return the steps; RefusedError if the plan has changed once more since somebody was asked again."""
        checked, request = (
            CheckedPlan.of(context["ti"].xcom_pull(task_ids=self.check)),
            upgrade_request(context["params"]),
        )
        if checked.changes:
            require_approval(run, request, checked.plan["digest"], context["ti"].xcom_pull(task_ids=self.changes))
        plan = confirm_plan(run, request, checked, self.log.info)
        context["ti"].xcom_push(key=IS_COMPLETE, value=plan.goes_to_the_end)
        # There is always a step, since Airflow skips what follows an empty list (its guide to dynamic task mapping,
        # "Automatically skipping zero-length maps").
        return [step.value() for step in plan.steps] or [Step(PREFETCH, (), ()).value()]


class UpgradeStepOperator(ClusterOperator):
    """Does one step of the rollout; mapped over all of them, one at a time, each in its turn."""

    longest = STEP

    def __init__(self, *, step: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.step = step

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was changed by host; the error says what failed on which host, what runs, and how to go on."""
        step, request = Step.of(self.step), upgrade_request(context["params"])
        require_step_order(context)
        skip_if_paused(run, step, self.log.info, has_begun=context["ti"].try_number > 1)
        return self.tell(do_upgrade_step(run, request, step, self.log.info))


class UpgradeVerifyOperator(ClusterOperator):
    """Uses the cluster as its users will; if the rollout is complete, the new spec is the cluster's from now on."""

    def __init__(self, *, confirm: str, rollout: str, **options: Any) -> None:
        super().__init__(**options)
        self.confirm, self.rollout = confirm, rollout

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was shown to work."""
        so_far = upgrade_run(context, confirm=self.confirm, rollout=self.rollout)
        done = [Step.of(step) for step in so_far.done]
        shown = verify_upgrade(run, so_far.request, done, is_complete=so_far.is_complete)
        for one in shown:
            self.log.info("verified: %s", one)
        return list(shown)


class UpgradeResultOperator(ClusterOperator):
    """Says in one value what the run came to, and writes it to the cluster's service log.

    It gives the lease back too: steps that were tried again after the run's end have taken it again.
    """

    def __init__(self, *, gate: str, confirm: str, rollout: str, **options: Any) -> None:
        super().__init__(**options)
        self.gate, self.confirm, self.rollout = gate, confirm, rollout

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return the result: `state` is planned, nothing, done or paused."""
        ended = upgrade_run(context, gate=self.gate, confirm=self.confirm, rollout=self.rollout)
        return end_upgrade_run(run, ended, self.log.info)


class UpgradePauseOperator(ClusterOperator):
    """Asks the rollout that is at work to pause before its next step. Needs no lease, and changes no host."""

    def act(self, context: Context, run: RunContext) -> dict[str, str]:
        """Return which run was asked; RefusedError if no rollout is at work."""
        pause = ask_to_pause(run, self.log.info)
        return {"cluster": run.name, "run": pause.run, "asked": pause.asked}
