"""Bring a cluster to its spec: hosts, roles, flags, certificates, files, add-ons, step by step while it serves."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from windlass.airflow.params import (
    MORE,
    auto_approve_param,
    common_params,
    names_param,
    plan_digest_param,
    switch_param,
)
from windlass.airflow.rollout_tasks import apply_tasks
from windlass.operation_names import Operation

SPEC = Param(
    default=None,
    type=["null", "string"],
    format="multiline",
    title="Spec",
    description_md="The whole cluster spec as YAML (see docs/spec.md). Empty: the stored one is applied again.",
)
STOP_AFTER = Param(
    default=None,
    type=["null", "string"],
    title="Stop after",
    description_md="Pause after the last step on this host (or after a step of the plan, such as “etcd cp-2”). The run "
    "then ends well and the lease is free; the same apply again goes on.",
    section=MORE,
)

with DAG(
    dag_id=Operation.APPLY,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    params=common_params(
        spec=SPEC,
        auto_approve=auto_approve_param(),
        plan_digest=plan_digest_param(),
        stop_after=STOP_AFTER,
        gone=names_param(
            "Gone hosts",
            "Hosts that left the spec and are gone for good: etcd and the API forget them without asking them.",
        ),
        accept_new_host_key=names_param(
            "Accept new host key",
            "Hosts whose machine was reinstalled: the SSH host key that it shows now is recorded.",
        ),
        outside_window=switch_param(
            "Outside the window",
            "Go also while no maintenance window of the spec is open, where approval is automatic.",
            section=MORE,
        ),
        allow_untested=switch_param(
            "Allow untested", "Go also to a release that no record says has passed its tests.", section=MORE
        ),
    ),
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=16,
):
    apply_tasks("Apply the spec of {{ params.cluster }}?")
