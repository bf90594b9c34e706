"""Ask the upgrade that is rolling over a cluster to pause before its next step; the same upgrade again goes on."""

from __future__ import annotations

from airflow.sdk import DAG

from windlass.airflow.operators.rollout import UpgradePauseOperator
from windlass.airflow.params import cluster_param, reason_param
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

with DAG(
    dag_id=Operation.PAUSE_UPGRADE,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params={"cluster": cluster_param(), "reason": reason_param()},
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=16,
):
    UpgradePauseOperator(task_id="ask")
