"""Make the etcd member on one host healthy again: start it, or replace it while the others hold quorum."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from windlass.airflow.operators.cluster import ClusterLeaseOperator, ClusterReleaseOperator, RunOutcomeOperator
from windlass.airflow.operators.etcd import EtcdPlanReplacementOperator, EtcdReplaceMemberOperator
from windlass.airflow.params import common_params
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

HOST = Param(
    type="string",
    title="Host",
    description_md="The etcd host, as the spec names it, such as cp-2. A host that is no member yet joins.",
)

with DAG(
    dag_id=Operation.REPLACE_MEMBER,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params=common_params(host=HOST),
    allowed_run_types=["scheduled", "manual"],
):
    plan = EtcdPlanReplacementOperator(task_id="plan", skips=["lease"])
    lease = ClusterLeaseOperator(task_id="lease")
    replace = EtcdReplaceMemberOperator(task_id="replace")
    release = ClusterReleaseOperator(task_id="release").as_teardown(setups=lease)
    outcome = RunOutcomeOperator(task_id="outcome", last="replace").as_teardown(on_failure_fail_dagrun=True)

    plan >> lease >> replace >> release >> outcome
