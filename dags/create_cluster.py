"""Turn hosts into a secure, highly available Kubernetes cluster. What runs is changed by apply_cluster."""

from __future__ import annotations

from airflow.sdk import DAG, TaskGroup
from airflow.task.trigger_rule import TriggerRule

from windlass.airflow.operators.cluster import (
    ClusterCertificatesOperator,
    ClusterLeaseOperator,
    ClusterRecordOperator,
    ClusterReleaseOperator,
    ClusterServicesOperator,
    ClusterValidateOperator,
    ClusterVerifyOperator,
    RunOutcomeOperator,
)
from windlass.airflow.operators.hosts import (
    ControlPlaneRollOutOperator,
    EtcdBootstrapOperator,
    HostJoinOperator,
    HostPreflightOperator,
    HostPrepareOperator,
    HostProvisionOperator,
)
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
    with TaskGroup("plan"):
        validate = ClusterValidateOperator(task_id="validate")
        provision = HostProvisionOperator(task_id="provision", skips=["plan.preflight"])
        preflight = HostPreflightOperator(task_id="preflight", skips=["lease"])

    lease = ClusterLeaseOperator(task_id="lease")

    with TaskGroup("hosts"):
        prepare = HostPrepareOperator(task_id="prepare")
        certificates = ClusterCertificatesOperator(task_id="certificates")

    # These start together: each waits for the others by itself, and that is quicker than any order.
    with TaskGroup("cluster"):
        etcd = EtcdBootstrapOperator(task_id="etcd")
        control_plane = ControlPlaneRollOutOperator(task_id="control_plane")
        workers = HostJoinOperator(task_id="workers")
        services = ClusterServicesOperator(task_id="services")

    verify = ClusterVerifyOperator(task_id="verify")
    record = ClusterRecordOperator(
        task_id="record",
        steps=[f"hosts.{name}" for name in ("prepare", "certificates")]
        + [f"cluster.{name}" for name in ("etcd", "control_plane", "workers", "services")],
        trigger_rule=TriggerRule.NONE_FAILED,
    )
    release = ClusterReleaseOperator(task_id="release").as_teardown(setups=lease)
    outcome = RunOutcomeOperator(task_id="outcome", last="record").as_teardown(on_failure_fail_dagrun=True)

    validate >> provision >> preflight >> lease >> [prepare, certificates]
    for started in (etcd, control_plane, workers, services):
        [prepare, certificates] >> started >> verify
    verify >> release >> outcome
    # After the lease is given back, or Airflow would skip the record along with a lease that was not needed.
    [preflight, verify, release] >> record
