"""Handing findings on to repair."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from windlass.airflow.assets import REPAIRS
from windlass.airflow.errors import TASK_DEFAULTS
from windlass.airflow.findings import findings_in
from windlass.airflow.time_limits import LOOK


class FindingsDispatchOperator(BaseOperator):
    """Makes what was found a remediation run of each cluster that it is about."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**TASK_DEFAULTS, "execution_timeout": LOOK, "outlets": [REPAIRS], **options})

    def execute(self, context: Context) -> list[str]:
        """Return the clusters; without any finding, as in a run that somebody triggered by hand, nothing is done."""
        events = [event for events in context["triggering_asset_events"].values() for event in events]
        findings = findings_in(events)
        if not findings:
            raise AirflowSkipException("no findings: runs of this DAG are started by the watcher's events")
        for finding in findings:
            self.log.info("%s: %s; %s", finding.cluster, finding.id, finding.evidence)
        clusters = sorted({finding.cluster for finding in findings})
        outlet = context["outlet_events"][REPAIRS]
        outlet.extra = {"findings": [finding.to_dict() for finding in findings]}
        outlet.add_partitions(clusters)
        return clusters
