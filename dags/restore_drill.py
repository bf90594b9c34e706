"""Prove that a recovery bundle restores: into a throwaway etcd and API server on one host, cut off from every network.

The first new bundle of each day is tried (`backup.drill.schedule`), and any that a person names.
"""

from __future__ import annotations

from airflow.sdk import DAG, PartitionedAssetTimetable

from windlass.airflow.assets import DRILLS
from windlass.airflow.operators.cluster import RunOutcomeOperator
from windlass.airflow.operators.drill import DrillChooseOperator, DrillClearOperator, DrillRunOperator
from windlass.airflow.params import bundle_param, reason_param, scheduled_cluster_param
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

with DAG(
    dag_id=Operation.DRILL,
    description=(__doc__ or "").splitlines()[0],
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(assets=DRILLS),
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params={"cluster": scheduled_cluster_param(), "bundle": bundle_param(), "reason": reason_param()},
    allowed_run_types=["scheduled", "manual", "asset_triggered"],
    max_active_runs=4,
    catchup=False,
):
    choose = DrillChooseOperator(task_id="choose")
    drill = DrillRunOperator(task_id="drill", retries=1)
    clear = DrillClearOperator(task_id="clear").as_teardown(setups=choose)
    # A drill may be left to another run; whether it failed Airflow sees by itself.
    outcome = RunOutcomeOperator(task_id="outcome").as_teardown(on_failure_fail_dagrun=True)

    choose >> drill >> clear >> outcome
