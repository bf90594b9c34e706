"""Waiting until a cluster is healthy."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, BaseOperatorLink, Context

from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.fleet import look
from windlass.airflow.links import ClusterLink
from windlass.airflow.triggers.health import ClusterHealthyTrigger
from windlass.domain.health.readiness import Readiness


class ClusterHealthSensor(BaseOperator):
    """Succeeds when a cluster is healthy by its last observation: looks once, and waits in the triggerer if it is not.

    `cluster` may be a template. It fails after `timeout`; the result is the moment of the observation.
    """

    template_fields: Sequence[str] = ("cluster",)
    operator_extra_links: Collection[BaseOperatorLink] = (ClusterLink(),)

    def __init__(
        self,
        *,
        cluster: str = "{{ params.cluster }}",
        timeout: timedelta = timedelta(minutes=10),
        poke_interval: timedelta = timedelta(seconds=5),
        **options: Any,
    ) -> None:
        super().__init__(**{**TASK_DEFAULTS, **options})
        self.cluster = cluster
        self.timeout = timeout
        self.poke_interval = poke_interval

    def execute(self, context: Context) -> str:  # noqa: ARG002 (as the base has it)
        """Look once; defer if the cluster is not healthy yet."""
        with ending_on_permanent_errors():
            # Asked before it defers: a trigger that fires at once may be overtaken by the executor's word that the
            # deferring task has ended, which fails it. https://github.com/apache/airflow/issues/72716
            readiness = look(self.cluster, datetime.now(UTC))
        if not readiness.is_healthy:
            self._wait(readiness)
        return readiness.observed

    def _wait(self, readiness: Readiness) -> NoReturn:
        for reason in readiness.reasons:
            self.log.info("%s is not healthy yet: %s", self.cluster, reason)
        self.defer(
            trigger=ClusterHealthyTrigger(self.cluster, self.poke_interval.total_seconds()),
            method_name="finish",
            timeout=self.timeout,
        )

    def finish(self, context: Context, event: dict[str, str]) -> str:  # noqa: ARG002 (as the base has it)
        """Return when the cluster was seen to be healthy."""
        return event["observed"]
