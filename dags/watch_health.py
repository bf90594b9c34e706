"""Watch all clusters all the time, and start a remediation run of each cluster in which something is found.

The watching itself is no task: as long as this DAG is not paused, triggerers do it. What they find starts a run here,
which starts `heal_cluster` for each cluster that it is about.
"""

from __future__ import annotations

from airflow.sdk import DAG

from windlass.airflow.findings import findings_asset
from windlass.airflow.operators.health import FindingsDispatchOperator
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

with DAG(
    dag_id=Operation.WATCH,
    description="Watch all clusters all the time, and start remediation where something is found.",
    doc_md=__doc__,
    schedule=[findings_asset()],
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    catchup=False,
    allowed_run_types=["asset_triggered", "scheduled", "manual"],
):
    FindingsDispatchOperator(task_id="dispatch")
