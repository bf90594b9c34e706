"""The steps of an upgrade: the gate, the approval, the gate again, the roll step by step, the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import Asset, Context

from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.operators.base import RequestOperator
from windlass.airflow.rollout import IS_COMPLETE, upgrade_request, upgrade_run
from windlass.airflow.run_context import RunContext
from windlass.airflow.step_order import require_step_order
from windlass.airflow.time_limits import STEP
from windlass.domain.rollout import PREFETCH, Approval, Step
from windlass.domain.rollout.upgrade_path import UpgradeRequest
from windlass.operation_names import Operation
from windlass.operations.rollout.approved_plan import (
    CheckedPlan,
    check_again,
    confirm_plan,
    is_just_planned,
    planned_just_now,
)
from windlass.operations.rollout.pause import ask_to_pause
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


class UpgradeGateOperator(RequestOperator):
    """Looks at everything that an upgrade could stumble over, and plans it; nothing is changed.

    If nothing is to be done, or only the plan was asked for, the steps after it (`skips`) are skipped. Else the task
    that `asks` a person is, where nobody is to be asked.
    """

    def __init__(self, *, skips: list[str], asks: str, **options: Any) -> None:
        super().__init__(**options)
        self.skips, self.asks = skips, asks

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return findings and plan; RefusedError says everything that holds the upgrade up, and what to do."""
        return self.hand_over(context, run, upgrade_request(context["params"]))

    def hand_over(
        self, context: Context, run: RunContext, request: UpgradeRequest, also: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Plan, and return the plan; tasks that are not needed are skipped, `also` those."""
        plan = plan_upgrade(run, request, self.log.info)
        value = dict(plan.value)
        if plan.is_settled or request.plan_only:
            skipped = [*also, *self.skips]
        else:
            skipped = [*also, *self._unasked(context, run, request, value["plan"]["digest"])]
        if skipped:
            self.skip(context, skipped, value)
        return value

    def _unasked(self, context: Context, run: RunContext, request: UpgradeRequest, digest: str) -> list[str]:
        """Return the task that asks if nobody is to be asked. Whether two people are needed is for itself to say."""
        if two_people_for(run, request, digest) is not None:
            return []
        approval = _approval(run, context["params"])
        if approval.is_needed:
            return []
        self.log.info("nobody is asked: %s", approval.reason)
        return [self.asks]


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
        return self.hand_over(context, run, request, also=[self.creates])


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
        approval = _approval(RunContext.of(context), context["params"])
        self.log.info("%s", approval.reason)
        return "" if approval.is_needed else approval.reason


def _approval(run: RunContext, params: Mapping[str, Any]) -> Approval:
    switches = {name: bool(params.get(name)) for name in ("auto_approve", "outside_window")}
    return approval_for(run, **switches)


class UpgradeLeaseOperator(RequestOperator):
    """Takes the cluster's lease for this run; the spec is stored at the end, when it is true.

    Where nobody was asked, and the gate has planned a moment ago, the tasks that look again (`skips`) are skipped.
    """

    asks_again = True

    def __init__(self, *, gate: str, approval: str, skips: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.gate, self.approval, self.skips = gate, approval, skips

    def act(self, context: Context, run: RunContext) -> str:
        """Return who holds the lease now; RefusedError names the run that holds it instead."""
        before, pull = take_over_cluster(run), context["ti"].xcom_pull
        context["ti"].xcom_push(key=BEFORE, value=before)
        if pull(task_ids=self.approval) is None and is_just_planned(run, pull(task_ids=self.gate), before):
            self.skip(context, self.skips, str(run.owner))
        return str(run.owner)


class UpgradeCheckOperator(RequestOperator):
    """Plans again, now that nobody else changes the cluster, and compares the plan with the one that was approved.

    If it is the same, or nobody was asked, nobody is asked again: the tasks that would (`skips`) are skipped.
    """

    def __init__(self, *, gate: str, approval: str, skips: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.gate, self.approval, self.skips = gate, approval, skips

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return the plan and what has changed since; RefusedError if the gate is closed by now."""
        pull, request = context["ti"].xcom_pull, upgrade_request(context["params"])
        answer, planned = pull(task_ids=self.approval), pull(task_ids=self.gate)["plan"]
        require_approval(run, request, planned["digest"], answer)
        checked = check_again(run, request, self.log.info, planned if answer is not None else None)
        if not checked.changes:
            self.skip(context, self.skips, checked.value())
        return checked.value()


class UpgradeConfirmOperator(RequestOperator):
    """Gives the steps to do, under the lease: those of the approved plan, and no others.

    `changes` is the task that asks about a plan which has changed since; where `check` was skipped, nobody was asked.
    """

    asks_again = True

    def __init__(self, *, gate: str, lease: str, check: str, changes: str, **options: Any) -> None:
        super().__init__(**options)
        self.gate, self.lease, self.check, self.changes = gate, lease, check, changes

    def act(self, context: Context, run: RunContext) -> list[dict[str, Any]]:
        """Return the steps; RefusedError if the plan has changed once more since somebody was asked again."""
        pull, request = context["ti"].xcom_pull, upgrade_request(context["params"])
        value = pull(task_ids=self.check)
        checked = CheckedPlan.of(value) if value is not None else self._unchecked(context, run, request)
        if checked.changes:
            require_approval(run, request, checked.plan["digest"], pull(task_ids=self.changes))
        plan = confirm_plan(run, request, checked, self.log.info)
        context["ti"].xcom_push(key=IS_COMPLETE, value=plan.goes_to_the_end)
        # There is always a step, since Airflow skips what follows an empty list (its guide to dynamic task mapping,
        # "Automatically skipping zero-length maps").
        return [step.value() for step in plan.steps] or [Step(PREFETCH, (), ()).value()]

    def _unchecked(self, context: Context, run: RunContext, request: UpgradeRequest) -> CheckedPlan:
        """Return the gate's own plan, about which nobody was asked; made again if it does not hold any more."""
        pull = context["ti"].xcom_pull
        handed, before = pull(task_ids=self.gate), pull(task_ids=self.lease, key=BEFORE) or ""
        require_approval(run, request, handed["plan"]["digest"], None)
        return planned_just_now(run, request, handed, before, self.log.info) or check_again(run, request, self.log.info)


class UpgradeStepOperator(RequestOperator):
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


class UpgradeVerifyOperator(RequestOperator):
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


class UpgradeResultOperator(RequestOperator):
    """Says in one value what the run came to, and writes it to the cluster's service log.

    It gives the lease back too: steps that were tried again after the run's end have taken it again. `tells` is what
    other DAGs are told of where all was done.
    """

    def __init__(self, *, gate: str, confirm: str, rollout: str, tells: Asset | None = None, **options: Any) -> None:
        self.announces = tells
        super().__init__(**options)
        self.gate, self.confirm, self.rollout = gate, confirm, rollout

    def news(self, result: Any) -> Mapping[str, Any] | None:
        """Return between which releases, unless nothing was done, or not all of it."""
        return {one: result[one] for one in ("from", "to")} if result["state"] == "done" else None

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return the result: `state` is planned, nothing, done or paused."""
        ended = upgrade_run(context, gate=self.gate, confirm=self.confirm, rollout=self.rollout)
        return end_upgrade_run(run, ended, self.log.info)


class UpgradePauseOperator(RequestOperator):
    """Asks the rollout that is at work to pause before its next step. Needs no lease, and changes no host."""

    def act(self, context: Context, run: RunContext) -> dict[str, str]:
        """Return which run was asked; RefusedError if no rollout is at work."""
        pause = ask_to_pause(run, self.log.info)
        return {"cluster": run.name, "run": pause.run, "asked": pause.asked}
