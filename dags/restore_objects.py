"""Bring one namespace or one object back from a recovery bundle, into a cluster that lives; nothing else is touched."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from windlass.airflow.operators.cluster import ClusterReleaseOperator, RunOutcomeOperator
from windlass.airflow.operators.drill import DrillClearOperator
from windlass.airflow.operators.restore import (
    RestoreApprovalOperator,
    RestoreLeaseOperator,
    RestorePlanOperator,
    RestoreWriteOperator,
)
from windlass.airflow.params import auto_approve_param, bundle_param, common_params, switch_param
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

NAMESPACE = Param(
    default=None,
    type=["null", "string"],
    maxLength=63,
    title="Namespace",
    description_md="The namespace that comes back, or that the one object below is in. Empty for an object in none.",
)
KIND = Param(
    default=None,
    type=["null", "string"],
    maxLength=317,
    title="Kind",
    description_md="For one object: its kind, such as Deployment, with the API group after a dot where several have a "
    "kind of that name. Empty for a whole namespace.",
)
NAME = Param(
    default=None,
    type=["null", "string"],
    maxLength=253,
    title="Name",
    description_md="For one object: its name. Empty for a whole namespace.",
)
OVERWRITE = switch_param(
    "Overwrite",
    "Put objects that live and differ back as the bundle has them. Off: they stay as they are, and are named.",
)

with DAG(
    dag_id=Operation.RESTORE_OBJECTS,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params=common_params(
        bundle=bundle_param(),
        namespace=NAMESPACE,
        kind=KIND,
        name=NAME,
        overwrite=OVERWRITE,
        auto_approve=auto_approve_param(),
    ),
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=16,
):
    plan = RestorePlanOperator(task_id="plan", skips=["approve"])
    approve = RestoreApprovalOperator(task_id="approve")
    lease = RestoreLeaseOperator(task_id="lease", approval="approve")
    restore = RestoreWriteOperator(task_id="restore")
    clear = DrillClearOperator(task_id="clear").as_teardown(setups=plan)
    release = ClusterReleaseOperator(task_id="release").as_teardown(setups=lease)
    outcome = RunOutcomeOperator(task_id="outcome", last="restore").as_teardown(on_failure_fail_dagrun=True)

    plan >> approve >> lease >> restore >> clear >> release >> outcome
