"""Turn hosts into a secure, highly available Kubernetes cluster. What runs is changed by apply_cluster."""

from __future__ import annotations

from airflow.sdk import DAG

from windlass.airflow.cluster_tasks import creation_tasks
from windlass.airflow.operators.cluster import RunOutcomeOperator
from windlass.airflow.params import common_params, spec_param
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

SPEC = spec_param("The whole cluster spec as YAML (see docs/spec.md). Empty: the stored one is applied again.")

with DAG(
    dag_id=Operation.CREATE,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params=common_params(spec=SPEC),
    # A run of apply_cluster has the cluster created that is not there yet.
    allowed_run_types=["scheduled", "manual", "operator_triggered"],
    max_active_runs=16,
):
    outcome = RunOutcomeOperator(task_id="outcome", last="record").as_teardown(on_failure_fail_dagrun=True)
    creation_tasks() >> outcome
