"""What all operators of Windlass have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, ClassVar, NoReturn

from airflow.sdk import Asset, BaseOperator, BaseOperatorLink, Context
from airflow.sdk.exceptions import DownstreamTasksSkipped

from windlass.airflow.assets import announce
from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.inputs import with_inputs
from windlass.airflow.links import ClusterLink
from windlass.airflow.run_alerts import keeping_failure
from windlass.airflow.run_context import RunContext, is_by_person
from windlass.airflow.time_limits import USUAL
from windlass.domain.spec.access import Right
from windlass.operation_names import Operation
from windlass.operations.cluster import Changes
from windlass.operations.rights import require_right, right_to_run


class ClusterOperator(BaseOperator):
    """Does one step on the cluster `cluster`; permanent errors are not retried.

    What it is not given, it takes from the run's params: `cluster` (or the run's partition), `reason`, and what else
    its subclass has. All of these may be templates.
    """

    template_fields: Collection[str] = ("cluster", "reason")
    operator_extra_links: Collection[BaseOperatorLink] = (ClusterLink(),)
    longest: ClassVar[timedelta] = USUAL
    """The `execution_timeout`, unless another one is given."""
    asks_again: ClassVar[bool] = False
    """Whether this step asks for rights as the first one does: people may have been waited for since, for days."""
    right: ClassVar[Right | None] = None
    """The right that this step takes, whichever DAG it is in; None: the one that a run of its DAG takes."""
    announces: Asset | None = None
    """What other DAGs are told of when this step has ended well."""

    def __init__(self, *, cluster: str | None = None, reason: str | None = None, **options: Any) -> None:
        told = {} if self.announces is None else {"outlets": [self.announces]}
        # Also where a DAG has no defaults of its own: a task that was killed runs again.
        super().__init__(**{**TASK_DEFAULTS, "execution_timeout": self.longest, **told, **options})
        self.cluster, self.reason = cluster, reason

    def execute(self, context: Context) -> Any:
        """Do the step; RefusedError if it is the first, or asks again, and the cluster lets not who started the run."""
        with ending_on_permanent_errors():
            context = with_inputs(self, context)
            run = RunContext.of(context)
            self.cluster = run.name
            with keeping_failure(context, run):
                if self._asks_for_rights(run):
                    right = self.right or right_to_run(run.owner.dag_id)
                    require_right(run, right, is_by_person=is_by_person(context))
                return run.services.secrets.redact(self.do(context, run))

    def do(self, context: Context, run: RunContext) -> Any:
        """Do the step, and tell other DAGs of it."""
        result = self.act(context, run)
        if self.announces is not None:
            self._announce(context, run, self.announces, self.news(result))
        return result

    def _announce(self, context: Context, run: RunContext, asset: Asset, news: Mapping[str, Any] | None) -> None:
        if news is None:
            # Airflow makes an event of each outlet of a task that ends well, also where there is nothing to tell.
            self.outlets = [one for one in self.outlets if one != asset]
        else:
            announce(context, asset, run.name, news)

    def news(self, result: Any) -> Mapping[str, Any] | None:
        """Return what other DAGs are told of the step, by its result; None if there is nothing to tell."""
        return {}

    def _asks_for_rights(self, run: RunContext) -> bool:
        """Say whether this is where a run shows its rights; in a DAG of somebody's own each step may be the first."""
        return self.asks_again or not self.upstream_task_ids or run.owner.dag_id not in frozenset(Operation)

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


class SpecOperator(ClusterOperator):
    """A step that is given a spec, as YAML; none or an empty one: that of the run, else the stored one."""

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "spec")

    def __init__(self, *, spec: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.spec = spec


class RequestOperator(ClusterOperator):
    """A step of several that have to be asked for the same: `request` is a mapping of inputs by their names.

    The names are those of the params of Windlass's own DAG of these steps.
    """

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "request")

    def __init__(self, *, request: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.request = request
