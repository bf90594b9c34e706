"""What all operators of Windlass have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import DownstreamTasksSkipped

from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.run_alerts import keeping_failure
from windlass.airflow.run_context import RunContext, is_by_person
from windlass.airflow.time_limits import USUAL
from windlass.operations.cluster import Changes
from windlass.operations.rights import require_right


class ClusterOperator(BaseOperator):
    """Does one step on the cluster that the param `cluster` names; permanent errors are not retried."""

    longest: ClassVar[timedelta] = USUAL
    """The `execution_timeout`, unless another one is given."""
    asks_again: ClassVar[bool] = False
    """Whether this step asks for rights as the first one does: people may have been waited for since, for days."""

    def __init__(self, **options: Any) -> None:
        # Also where a DAG has no defaults of its own: a task that was killed runs again.
        super().__init__(**{**TASK_DEFAULTS, "execution_timeout": self.longest, **options})

    def execute(self, context: Context) -> Any:
        """Do the step; RefusedError if it is the first, or asks again, and the cluster lets not who started the run."""
        with ending_on_permanent_errors():
            run = RunContext.of(context)
            with keeping_failure(context, run):
                if self.asks_again or not self.upstream_task_ids:
                    require_right(run, is_by_person=is_by_person(context))
                return run.services.secrets.redact(self.act(context, run))

    @abstractmethod
    def act(self, context: Context, run: RunContext) -> Any:
        """Do the step; errors of `windlass.errors` say what went wrong."""

    def skip(self, context: Context, tasks: list[str], result: Any) -> NoReturn:
        """End this task well with `result`, and skip `tasks` and with them what depends on them."""
        context["ti"].xcom_push(key="return_value", value=result)
        raise DownstreamTasksSkipped(tasks=tasks)  # type: ignore[no-untyped-call]  # Airflow's own has no types

    def tell(self, changes: Mapping[str, Changes]) -> dict[str, list[str]]:
        """Log what was changed, host by host, and return it as the task's result."""
        for host, changed in changes.items():
            self.log.info("%s: %s", host, ", ".join(changed) if changed else "nothing to change")
        return {host: list(changed) for host, changed in changes.items()}
