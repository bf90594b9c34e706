"""Take a cluster off its hosts and give them back as they were. Backups stay unless the run says otherwise."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from windlass.airflow.cluster_tasks import deletion_tasks
from windlass.airflow.operators.cluster import RunOutcomeOperator
from windlass.airflow.params import common_params, gone_param, switch_param
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

CONFIRM_NAME = Param(
    type="string",
    title="Confirm the name",
    description_md="The cluster's name once more. What is on its hosts is lost.",
)
KEEP_BACKUPS = switch_param("Keep backups", "Whether the cluster's bundles stay in the store.", default=True)
GONE = gone_param(
    "Hosts that will never answer again. Without this the run fails as long as a host does not answer. What is on such "
    "a host stays there; one that answers is cleaned all the same.",
)

with DAG(
    dag_id=Operation.DELETE,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params=common_params(confirm_name=CONFIRM_NAME, keep_backups=KEEP_BACKUPS, gone=GONE),
    allowed_run_types=["scheduled", "manual"],
):
    _, release = deletion_tasks()
    release >> RunOutcomeOperator(task_id="outcome", last="forget").as_teardown(on_failure_fail_dagrun=True)
