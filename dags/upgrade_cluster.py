"""Move a cluster to another Kubernetes release, or to a changed spec, host by host while it serves."""

from __future__ import annotations

from airflow.sdk import DAG, Param
from airflow.task.trigger_rule import TriggerRule

from windlass.airflow.errors import TASK_DEFAULTS
from windlass.airflow.operators.cluster import ClusterReleaseOperator, RunOutcomeOperator
from windlass.airflow.operators.rollout import (
    UpgradeApprovalOperator,
    UpgradeCheckOperator,
    UpgradeGateOperator,
    UpgradeLeaseOperator,
    UpgradeResultOperator,
    UpgradeStepOperator,
    UpgradeVerifyOperator,
)
from windlass.airflow.params import MORE, auto_approve_param, common_params, switch_param
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
    ),
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=16,
):
    gate = UpgradeGateOperator(task_id="gate", skips=["approval"])
    # Nothing holds the lease while a person is asked; what was looked at before is looked at again after.
    approval = UpgradeApprovalOperator(
        task_id="approval",
        subject="Upgrade {{ params.cluster }} to {{ params.version or 'its changed spec' }}?",
        body="{{ ti.xcom_pull(task_ids='gate')['question'] }}",
    )
    lease = UpgradeLeaseOperator(task_id="lease")
    check = UpgradeCheckOperator(task_id="check")
    rollout = UpgradeStepOperator.partial(
        task_id="roll",
        max_active_tis_per_dagrun=1,
        map_index_template="{{ task.step['label'] }}",
        **TASK_DEFAULTS,  # which a mapped task does not have of itself
    ).expand(step=check.output)
    # A rollout that pauses skips what is left of it; one that had nothing to do at all is not verified.
    verify = UpgradeVerifyOperator(
        task_id="verify", check="check", rollout="roll", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
    )
    result = UpgradeResultOperator(
        task_id="result", gate="gate", check="check", rollout="roll", trigger_rule=TriggerRule.NONE_FAILED
    )
    release = ClusterReleaseOperator(task_id="release").as_teardown(setups=lease)
    outcome = RunOutcomeOperator(task_id="outcome", last="result").as_teardown(
        setups=lease, on_failure_fail_dagrun=True
    )

    gate >> approval >> lease >> check >> rollout >> verify >> release >> outcome
    # After the lease is given back, or Airflow would skip the result along with a lease that was not needed.
    [gate, verify, release] >> result
