"""Take a recovery bundle of a cluster, verified by content, delete those that have expired, keep etcd in order.

`backup_dispatch` starts a run by the cluster's schedule; a person starts one by giving the cluster's name.
"""

from __future__ import annotations

from airflow.sdk import DAG, PartitionedAssetTimetable

from windlass.airflow.assets import BACKUPS
from windlass.airflow.operators.backup import BackupRunOperator
from windlass.airflow.params import reason_param, scheduled_cluster_param
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

with DAG(
    dag_id=Operation.BACK_UP,
    description=(__doc__ or "").splitlines()[0],
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(assets=BACKUPS),
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params={"cluster": scheduled_cluster_param(), "reason": reason_param()},
    allowed_run_types=["scheduled", "manual", "asset_triggered"],
    max_active_runs=16,
    catchup=False,
):
    # One task: each costs the machines far more than what is done in it, and there may be a thousand clusters.
    BackupRunOperator(task_id="take", retries=2)
