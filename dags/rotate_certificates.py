"""Change the certificates, authorities or keys of a running cluster, phase by phase, while it serves."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from windlass.airflow.params import auto_approve_param, common_params, outside_window_param
from windlass.airflow.rollout import ALL_ROTATED, MASTER_KEY
from windlass.airflow.rollout_tasks import rotation_tasks
from windlass.airflow.run_alerts import notify_failed_run
from windlass.domain.pki import Rotated
from windlass.operation_names import Operation

WHAT = Param(
    type="string",
    enum=[*(one.value for one in Rotated), ALL_ROTATED, MASTER_KEY],
    title="What",
    description_md="Leaves: every certificate is issued again by the authorities that there are. An authority takes "
    "all certificates below it along. All: every authority and every key. What is being changed already goes on. "
    "Master key: what is stored is only sealed again, with the first of the connection's keys.",
)

with DAG(
    dag_id=Operation.ROTATE,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params=common_params(what=WHAT, auto_approve=auto_approve_param(), outside_window=outside_window_param()),
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=16,
):
    rotation_tasks("Change {{ params.what }} of {{ params.cluster }}, the next phase?")
