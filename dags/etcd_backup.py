"""Take a recovery bundle of a cluster, verified by content, delete those that have expired, keep etcd in order.

`backup_dispatch` starts a run by the cluster's schedule; a person starts one by giving the cluster's name.
"""

from __future__ import annotations

from airflow.sdk import DAG, PartitionedAssetTimetable
from airflow.task.trigger_rule import TriggerRule

from windlass.airflow.assets import BACKUPS
from windlass.airflow.operators.backup import (
    BackupExpireOperator,
    BackupProveOperator,
    BackupTakeOperator,
    EtcdMaintenanceOperator,
)
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
    take = BackupTakeOperator(task_id="take", retries=2)
    expire = BackupExpireOperator(task_id="expire")
    prove = BackupProveOperator(task_id="prove")
    # A database that is full is why some backups fail: it is looked after whatever came of this one.
    maintenance = EtcdMaintenanceOperator(task_id="upkeep", trigger_rule=TriggerRule.ALL_DONE)

    take >> [expire, prove, maintenance]
