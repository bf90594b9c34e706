"""Steps of a rehearsal of an upgrade."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow.sdk import Context

from windlass.airflow.alerts import attempt_of
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext
from windlass.airflow.time_limits import BUNDLE
from windlass.operations.backup.take import Stopwatch
from windlass.operations.rollout.rehearse_upgrade import RehearsalRequest, rehearse


class UpgradeRehearseOperator(ClusterOperator):
    """Tries the upgrade to `version` on a bundle, in the isolated place; fails if anything would not be taken."""

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "version", "bundle")
    longest = BUNDLE

    def __init__(self, *, version: str | None = None, bundle: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.version, self.bundle = version, bundle

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return what was tried; RefusedError names what the target does not take."""
        params = context["params"]
        request = RehearsalRequest(params.get("version") or "", params.get("bundle") or "newest")
        record = rehearse(run, attempt_of(context, run, self.retries), request, Stopwatch(tell=self.log.info))
        return {
            "target": record.target,
            "bundle": record.bundle,
            "host": record.host,
            "objects": record.objects,
            "untried": list(record.untried),
            "milliseconds": dict(record.milliseconds),
        }
