"""Rehearse an upgrade: the newest bundle under the target's etcd and API server, cut off from the cluster.

Every stored object is read through the target's API and written back without being kept; so are the manifests of its
add-ons. What the target does not take is named with whose it is, and the gate shows it.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from windlass.airflow.operators.cluster import RunOutcomeOperator
from windlass.airflow.operators.drill import DrillClearOperator
from windlass.airflow.operators.rehearse import UpgradeRehearseOperator
from windlass.airflow.params import bundle_param, cluster_param, reason_param, whole_value
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

VERSION = Param(
    type="string",
    title="Version",
    pattern=whole_value("v[0-9]+[.][0-9]+[.][0-9]+"),
    description_md="The Kubernetes release to go to, such as v1.37.2.",
)

with DAG(
    dag_id=Operation.REHEARSE,
    description=(__doc__ or "").splitlines()[0],
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params={"cluster": cluster_param(), "version": VERSION, "bundle": bundle_param(), "reason": reason_param()},
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=4,
):
    rehearse = UpgradeRehearseOperator(task_id="rehearse")
    clear = DrillClearOperator(task_id="clear").as_teardown(setups=rehearse)
    outcome = RunOutcomeOperator(task_id="outcome").as_teardown(on_failure_fail_dagrun=True)

    rehearse >> clear >> outcome
