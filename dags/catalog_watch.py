"""Tell each cluster once of every newer Kubernetes release that it may move to, and what changes with it."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from windlass.airflow.operators.available import CatalogWatchOperator
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

with DAG(
    dag_id=Operation.WATCH_CATALOG,
    description=__doc__,
    doc_md=__doc__,
    schedule=timedelta(hours=1),
    catchup=False,
    max_active_runs=1,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    allowed_run_types=["scheduled", "manual"],
):
    CatalogWatchOperator(task_id="tell")
