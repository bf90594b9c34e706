"""Bring a cluster to its spec: hosts, roles, flags, certificates, files, add-ons, step by step while it serves."""

from __future__ import annotations

from airflow.sdk import DAG

from windlass.airflow.params import (
    allow_untested_param,
    auto_approve_param,
    common_params,
    gone_param,
    names_param,
    outside_window_param,
    plan_digest_param,
    spec_param,
    stop_after_param,
)
from windlass.airflow.rollout_tasks import apply_tasks
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

SPEC = spec_param("The whole cluster spec as YAML (see docs/spec.md). Empty: the stored one is applied again.")

with DAG(
    dag_id=Operation.APPLY,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params=common_params(
        spec=SPEC,
        auto_approve=auto_approve_param(),
        plan_digest=plan_digest_param(),
        stop_after=stop_after_param("apply"),
        gone=gone_param(
            "Hosts that left the spec and are gone for good: etcd and the API forget them without asking them.",
        ),
        accept_new_host_key=names_param(
            "Accept new host key",
            "Hosts whose machine was reinstalled: the SSH host key that it shows now is recorded.",
        ),
        outside_window=outside_window_param(),
        allow_untested=allow_untested_param(),
    ),
    # By a DAG of the user's own, which may have a schedule.
    allowed_run_types=["scheduled", "manual", "operator_triggered"],
    max_active_runs=16,
):
    apply_tasks("Apply the spec of {{ params.cluster }}?")
