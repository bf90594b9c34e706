"""Restore drills: choose a bundle, try it, leave no trace on the host."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow.sdk import Context

from windlass.airflow.alerts import attempt_of
from windlass.airflow.assets import PROVEN
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext, is_by_person
from windlass.airflow.time_limits import BUNDLE
from windlass.domain.backup import BundleId
from windlass.operations.backup.drill_run import choose_for_drill, clear_after_drill, prove_bundle
from windlass.operations.backup.take import Stopwatch


class DrillChooseOperator(ClusterOperator):
    """Chooses the bundle that `bundle` names, by id, by time, or the newest."""

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "bundle")

    def __init__(self, *, bundle: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.bundle = bundle

    def act(self, context: Context, run: RunContext) -> str:
        """Return the bundle's id; RefusedError if there is none."""
        chosen = choose_for_drill(run, context["params"].get("bundle") or "", is_by_person=is_by_person(context))
        self.log.info("bundle %s, %s so far", chosen.bundle, chosen.standing.value)
        return str(chosen.bundle)


class DrillRunOperator(ClusterOperator):
    """Restores the bundle that the task `choose` chose, on one host, and compares; fails unless that proves it."""

    longest = BUNDLE
    announces = PROVEN

    def __init__(self, *, choose: str = "choose", **options: Any) -> None:
        super().__init__(**options)
        self.choose = choose

    def news(self, result: Any) -> Mapping[str, Any]:
        """Return which bundle was proven."""
        return {"bundle": result["bundle"]}

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return what was compared and how long each step took; IntegrityError if the bundle is not proven."""
        bundle = BundleId.parse(context["ti"].xcom_pull(task_ids=self.choose))
        record = prove_bundle(run, attempt_of(context, run, self.retries), bundle, Stopwatch(tell=self.log.info))
        return {
            "bundle": record.bundle,
            "host": record.host,
            "milliseconds": dict(record.milliseconds),
            "compared": {one.what: one.found for one in record.comparisons},
        }


class DrillClearOperator(ClusterOperator):
    """Removes what a drill left on hosts, should its task have been killed; a teardown."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the hosts that were looked at; those that do not answer are looked at by the next drill there."""
        return clear_after_drill(run, self.log.info)
