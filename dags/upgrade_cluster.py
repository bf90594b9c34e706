"""Move a cluster to another Kubernetes release, or to a changed spec, host by host while it serves."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from windlass.airflow.params import MORE, auto_approve_param, common_params, plan_digest_param, switch_param
from windlass.airflow.rollout_tasks import rollout_tasks
from windlass.operation_names import Operation

VERSION = Param(
    default=None,
    type=["null", "string"],
    pattern=r"^v\d+\.\d+\.\d+$",
    title="Version",
    description_md="The release of the catalog to move to, such as v1.37.2. Empty: the one that runs.",
)
SPEC = Param(
    default=None,
    type=["null", "string"],
    format="multiline",
    title="Spec",
    description_md="A changed spec to roll out host by host. Empty: the stored one.",
)
STOP_AFTER = Param(
    default=None,
    type=["null", "string"],
    title="Stop after",
    description_md="Pause after the last step on this host (or after a step of the plan, such as “etcd cp-2”). The run "
    "then ends well and the lease is free; the same upgrade again goes on.",
    section=MORE,
)
OUTSIDE_WINDOW = switch_param(
    "Outside the window",
    "Go also while no maintenance window of the spec is open, where approval is automatic.",
    section=MORE,
)
ALLOW_UNTESTED = switch_param(
    "Allow untested", "Go also to a release that no record says has passed its tests.", section=MORE
)

with DAG(
    dag_id=Operation.UPGRADE,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    params=common_params(
        version=VERSION,
        spec=SPEC,
        auto_approve=auto_approve_param(),
        stop_after=STOP_AFTER,
        outside_window=OUTSIDE_WINDOW,
        allow_untested=ALLOW_UNTESTED,
        plan_digest=plan_digest_param(),
    ),
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=16,
):
    rollout_tasks("Upgrade {{ params.cluster }} to {{ params.version or 'its changed spec' }}?")
