"""Steps of a disaster recovery: plan and verify, ask, restore, settle, verify."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.assets import RECOVERED
from windlass.airflow.given import given_spec
from windlass.airflow.operators.base import RequestOperator
from windlass.airflow.recovery import PLAN, recovery_plan, recovery_request
from windlass.airflow.run_context import RunContext
from windlass.airflow.time_limits import WORK
from windlass.operations.recovery.plan import plan_run, two_people_for
from windlass.operations.recovery.recovery_run import (
    adopt_bundle,
    require_approval,
    restore_and_switch,
    settle_cluster,
    take_over_cluster,
    verify_recovery,
)
from windlass.operations.two_people import TwoPeople


class RecoveryPlanOperator(RequestOperator):
    """Chooses and verifies the bundle, looks at what is left, and says what is lost; nothing is changed.

    If only the plan was asked for, `skips` are skipped.
    """

    def __init__(self, *, skips: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.skips = skips

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return the plan; RefusedError where live data would be thrown away and nobody said so twice."""
        params = context["params"]
        request, spec = recovery_request(params), given_spec(params)
        plan = plan_run(run, request, spec, self.log.info, self.log.warning).value()
        if params.get("plan_only"):
            self.skip(context, self.skips, plan)
        return plan


class RecoveryApprovalOperator(ClusterApprovalOperator):
    """Asks a person, with what is lost before the eyes, unless the spec or the run has approved in advance."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{
                "subject": "Recover cluster {{ task.cluster or params.cluster }} from a backup?",
                "body": f"{{{{ ti.xcom_pull(task_ids='{PLAN}')['question'] }}}}",
                **options,
            }
        )

    def approved_by(self, context: Context) -> str:
        """Return why nobody needs to be asked; empty if somebody must."""
        return recovery_plan(context).approved or super().approved_by(context)

    def two_people(self, context: Context) -> TwoPeople | None:
        """Return what the recovery needs besides whoever started the run."""
        spec = given_spec(context["params"])
        return two_people_for(RunContext.of(context), spec, recovery_plan(context))


class RecoveryLeaseOperator(RequestOperator):
    """Takes the lease, and stores spec and keys of the bundle where the store lacks them.

    A repair run, which a disaster starts too, is waited for: it ends as soon as it sees that it cannot help.
    `approval` is the task that asks.
    """

    asks_again = True

    def __init__(self, *, approval: str, **options: Any) -> None:
        super().__init__(**options)
        self.approval = approval

    def act(self, context: Context, run: RunContext) -> str:
        """Return who holds the lease now; RefusedError names the run that holds it instead."""
        spec, plan = given_spec(context["params"]), recovery_plan(context)
        require_approval(run, spec, plan, context["ti"].xcom_pull(task_ids=self.approval))
        take_over_cluster(run.lease(), run.clock)
        with run.working() as at_work:
            adopt_bundle(at_work, spec, plan, self.log.info)
        return str(run.owner)


class RecoveryRestoreOperator(RequestOperator):
    """Restores beside the old data, looks once more whether that is still right, and switches over."""

    longest = WORK

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return when the API took its first write; the error says how to go back."""
        plan, request = recovery_plan(context), recovery_request(context["params"])
        with run.working() as at_work:
            recovery, first_write = restore_and_switch(at_work, plan, request, self.log.info)
        return {"recovery": recovery, "first_write": first_write}


class RecoverySettleOperator(RequestOperator):
    """Restarts kubelets, removes the nodes of hosts that are gone, applies the foundation services."""

    longest = WORK

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was changed."""
        with run.working() as at_work:
            return list(settle_cluster(at_work, recovery_plan(context), self.log.info))


class RecoveryVerifyOperator(RequestOperator):
    """Uses the cluster as its users will, as after a creation, and writes what was done to the service log."""

    announces = RECOVERED

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was shown to work."""
        with run.working() as at_work:
            shown = verify_recovery(at_work, recovery_plan(context), self.log.info)
        for one in shown:
            self.log.info("verified: %s", one)
        return list(shown)
