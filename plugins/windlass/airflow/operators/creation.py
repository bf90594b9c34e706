"""The creation of a cluster by a run of its own, as a step of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperatorLink, Context

from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.inputs import with_inputs
from windlass.airflow.links import ClusterLink
from windlass.airflow.run_alerts import mark_told
from windlass.operation_names import Operation


class ClusterCreateOperator(TriggerDagRunOperator):
    """Has a run of its own create the cluster, with this run's spec, and waits for its end."""

    template_fields: Sequence[str] = (*TriggerDagRunOperator.template_fields, "cluster", "spec")
    operator_extra_links: list[BaseOperatorLink] = [  # noqa: RUF012 - Airflow's own class declares it so
        *TriggerDagRunOperator.operator_extra_links,
        ClusterLink(),
    ]

    def __init__(self, *, cluster: str | None = None, spec: str | None = None, **options: Any) -> None:
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
        self.cluster, self.spec = cluster, spec

    def execute(self, context: Context) -> None:
        """Trigger the run with what this one was given; the task fails if that run does."""
        with ending_on_permanent_errors():
            context = with_inputs(self, context)
        self.cluster = context["params"].get("cluster")
        given = ("cluster", "spec", "plan_only", "reason")
        self.conf = {name: context["params"].get(name) for name in given if context["params"].get(name) is not None}
        super().execute(context)

    def execute_complete(self, context: Context, event: tuple[str, dict[str, Any]]) -> None:
        """End as the other run did, whose failure people are told of: once is enough."""
        try:
            super().execute_complete(context, event)
        except Exception as error:
            mark_told(context, str(error))
            raise
