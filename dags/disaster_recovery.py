"""Bring a cluster back from a recovery bundle after etcd lost its quorum, its data, or all of its hosts."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from windlass.airflow.operators.cluster import ClusterReleaseOperator, RunOutcomeOperator
from windlass.airflow.operators.recovery import (
    RecoveryApprovalOperator,
    RecoveryLeaseOperator,
    RecoveryPlanOperator,
    RecoveryRestoreOperator,
    RecoverySettleOperator,
    RecoveryVerifyOperator,
)
from windlass.airflow.params import auto_approve_param, common_params, spec_param, switch_param
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

BUNDLE = Param(
    default="newest",
    type=["null", "string"],
    title="Bundle",
    description_md="Its id, such as 20261123T074500Z-r1042; a time, such as 2026-11-23T07:45 (the newest bundle taken "
    "by then is used); or newest, which empty means too.",
)
RESTORE_VERSIONS = switch_param(
    "Restore versions", "Put the bundle's own Kubernetes and etcd versions back too: the way back from an upgrade."
)
OVERWRITE_HEALTHY = switch_param(
    "Overwrite a cluster that lives",
    "Go on although etcd has a quorum, or may have one out of sight. Needs the name below as well.",
    section="Danger",
)
CONFIRM_NAME = Param(
    default=None,
    type=["null", "string"],
    title="Confirm the name",
    description_md="The cluster's name once more, if a cluster that lives is to be overwritten.",
    section="Danger",
)
SPEC = spec_param(
    "The whole cluster spec, if the hosts are new ones. Empty: the stored one, or else the bundle's.",
    section="New hosts",
)

with DAG(
    dag_id=Operation.RECOVER,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params=common_params(
        bundle=BUNDLE,
        restore_versions=RESTORE_VERSIONS,
        auto_approve=auto_approve_param(),
        overwrite_healthy=OVERWRITE_HEALTHY,
        confirm_name=CONFIRM_NAME,
        spec=SPEC,
    ),
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=16,
):
    plan = RecoveryPlanOperator(task_id="plan", skips=["approve"])
    approve = RecoveryApprovalOperator(task_id="approve")
    lease = RecoveryLeaseOperator(task_id="lease", approval="approve")
    restore = RecoveryRestoreOperator(task_id="restore")
    settle = RecoverySettleOperator(task_id="settle")
    verify = RecoveryVerifyOperator(task_id="verify")
    release = ClusterReleaseOperator(task_id="release").as_teardown(setups=lease)
    outcome = RunOutcomeOperator(task_id="outcome", last="verify").as_teardown(on_failure_fail_dagrun=True)

    plan >> approve >> lease >> restore >> settle >> verify >> release >> outcome
