"""Move a cluster to another Kubernetes release, or to a changed spec, host by host while it serves."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from windlass.airflow.params import (
    allow_untested_param,
    auto_approve_param,
    common_params,
    outside_window_param,
    plan_digest_param,
    spec_param,
    stop_after_param,
    whole_value,
)
from windlass.airflow.rollout_tasks import rollout_tasks
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

VERSION = Param(
    default=None,
    type=["null", "string"],
    pattern=whole_value(r"v[0-9]+\.[0-9]+\.[0-9]+"),
    title="Version",
    description_md="The release of the catalog to move to, such as v1.37.2. Empty: the one that runs.",
)
SPEC = spec_param("A changed spec to roll out host by host. Empty: the stored one.")

with DAG(
    dag_id=Operation.UPGRADE,
    description=__doc__,
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params=common_params(
        version=VERSION,
        spec=SPEC,
        auto_approve=auto_approve_param(),
        stop_after=stop_after_param("upgrade"),
        outside_window=outside_window_param(),
        allow_untested=allow_untested_param(),
        plan_digest=plan_digest_param(),
    ),
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=16,
):
    rollout_tasks("Upgrade {{ params.cluster }} to {{ params.version or 'its changed spec' }}?")
