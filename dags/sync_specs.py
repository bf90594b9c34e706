"""Have the specs applied that a repository or a folder has. A file that is gone deletes nothing."""

from __future__ import annotations

import os

from airflow.sdk import DAG, Param
from airflow.task.trigger_rule import TriggerRule

from windlass.airflow.errors import TASK_DEFAULTS
from windlass.airflow.operators.sync import SpecApplyOperator, SpecsLookOperator, SpecsReportOperator
from windlass.airflow.params import auto_approve_param, plan_only_param, switch_param, whole_value
from windlass.airflow.run_alerts import notify_failed_run
from windlass.operation_names import Operation

SCHEDULE = os.environ.get("WINDLASS_SYNC_SCHEDULE") or None
"""Setting (environment): when to look, as cron has it, such as `*/5 * * * *`. Without it only people start runs."""
REF = Param(
    default=None,
    type=["null", "string"],
    title="Ref",
    pattern=whole_value("[A-Za-z0-9][A-Za-z0-9._/-]*"),
    maxLength=200,
    description_md="Another branch, tag or commit than the one that is followed: of that, plans are made and "
    "nothing is changed.",
)
PUT_BACK = switch_param(
    "Put back", "Also undo what was changed of a spec, or deleted, past its file. Without it that is only shown."
)

with DAG(
    dag_id=Operation.SYNC_SPECS,
    description=__doc__,
    doc_md=__doc__,
    schedule=SCHEDULE,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params={"ref": REF, "put_back": PUT_BACK, "auto_approve": auto_approve_param(), "plan_only": plan_only_param()},
    allowed_run_types=["scheduled", "manual"],
    max_active_runs=1,
    catchup=False,
):
    look = SpecsLookOperator(task_id="look")
    apply = SpecApplyOperator.partial(
        task_id="apply",
        map_index_template="{{ task.asked['conf']['cluster'] }}",
        # Which a mapped task does not have of itself.
        **TASK_DEFAULTS,
    ).expand(asked=look.output)
    report = SpecsReportOperator(task_id="report", look="look", trigger_rule=TriggerRule.NONE_FAILED)
    apply >> report
    look >> report
