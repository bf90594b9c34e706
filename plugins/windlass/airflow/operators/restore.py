"""Steps of bringing objects back from a bundle: plan and compare, ask, take the lease, write."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.operators.base import RequestOperator
from windlass.airflow.restore_request import PLAN, restore_plan, restore_request
from windlass.airflow.run_context import RunContext
from windlass.airflow.time_limits import BUNDLE
from windlass.operations.restore.restore_run import bring_back, plan_objects, take_over, two_people_for
from windlass.operations.two_people import TwoPeople


class RestorePlanOperator(RequestOperator):
    """Reads the objects in the isolated place, and says how they differ from what lives; nothing is changed.

    If only the plan was asked for, or nothing is to be written, `skips` are skipped.
    """

    longest = BUNDLE

    def __init__(self, *, skips: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.skips = skips

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return the plan; RefusedError if there is no such bundle or object, SpecError if it is not clear which."""
        params = context["params"]
        plan = plan_objects(run, restore_request(params), self.log.info)
        if params.get("plan_only") or not plan.writes:
            self.skip(context, self.skips, plan.value())
        return plan.value()


class RestoreApprovalOperator(ClusterApprovalOperator):
    """Asks a person, with the difference before the eyes, unless the spec or the run has approved in advance."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{
                "subject": f"Bring {{{{ ti.xcom_pull(task_ids='{PLAN}')['subject'] }}}} back into cluster "
                "{{ task.cluster or params.cluster }}?",
                "body": f"{{{{ ti.xcom_pull(task_ids='{PLAN}')['question'] }}}}",
                **options,
            }
        )

    def approved_by(self, context: Context) -> str:
        """Return why nobody needs to be asked; empty if somebody must."""
        return restore_plan(context).approved or super().approved_by(context)

    def two_people(self, context: Context) -> TwoPeople | None:
        """Return what is needed besides whoever started the run."""
        return two_people_for(RunContext.of(context), restore_plan(context))


class RestoreLeaseOperator(RequestOperator):
    """Takes the cluster's lease; a remediation is waited for. `approval` is the task that asks."""

    asks_again = True

    def __init__(self, *, approval: str, **options: Any) -> None:
        super().__init__(**options)
        self.approval = approval

    def act(self, context: Context, run: RunContext) -> str:
        """Return who holds the lease now; RefusedError names the run that holds it instead."""
        take_over(run, restore_plan(context), context["ti"].xcom_pull(task_ids=self.approval), self.log.info)
        return str(run.owner)


class RestoreWriteOperator(RequestOperator):
    """Looks once more, and writes what was planned and nothing else."""

    longest = BUNDLE

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was done, an object a line."""
        with run.working() as at_work:
            return bring_back(at_work, restore_request(context["params"]), restore_plan(context), self.log.info)
