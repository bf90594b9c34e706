"""Remediate a cluster: observe all of it, fix what is unhealthy or not as rendered, and wait until it is healthy.

Health starts a run as soon as it finds something; a person starts one to have everything observed and tried again.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, PartitionedAssetTimetable

from windlass.airflow.assets import REPAIRS
from windlass.airflow.operators.remediation import ClusterHealOperator
from windlass.airflow.params import plan_only_param, reason_param, scheduled_cluster_param
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

FINDING = Param(
    default=None,
    type=["null", "string"],
    title="Finding",
    description_md="Id of what health found. Empty: everything that is found now.",
)

# One task: to observe, to act and to wait belong together, and each further task costs a second of an outage.
with DAG(
    dag_id=Operation.REMEDIATE,
    description=(__doc__ or "").splitlines()[0],
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(assets=REPAIRS),
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params={
        "cluster": scheduled_cluster_param(),
        "finding": FINDING,
        "plan_only": plan_only_param(),
        "reason": reason_param(),
    },
    allowed_run_types=["scheduled", "manual", "asset_triggered"],
    max_active_runs=32,
    catchup=False,
):
    ClusterHealOperator(task_id="heal")
