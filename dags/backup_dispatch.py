"""Look every minute whose backup is due, start it, and tell of backups that do not come."""

from __future__ import annotations

from airflow.sdk import DAG

from windlass.airflow.operators.backup import BackupDispatchOperator
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

with DAG(
    dag_id=Operation.SCHEDULE_BACKUPS,
    description=__doc__,
    doc_md=__doc__,
    schedule="* * * * *",
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=1,
    catchup=False,
):
    BackupDispatchOperator(task_id="dispatch", retries=0)
