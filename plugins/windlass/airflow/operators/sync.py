"""Following specs: look at what files have, and have a run of its own apply each that differs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator, Context

from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.inputs import with_inputs
from windlass.airflow.run_context import RunContext, is_by_person
from windlass.airflow.services import airflow_services
from windlass.airflow.spec_source import SPECS_CONNECTION, source_of
from windlass.airflow.time_limits import LOOK
from windlass.domain.notice import Notice
from windlass.errors import SpecError
from windlass.operation_names import Operation
from windlass.operations.run import ClusterRun
from windlass.operations.sync.follow import Look, SpecSource, look_at, tell, wrong_text

REPORT = "report"
"""The XCom key of how all clusters stand to their files."""


class SpecsLookOperator(BaseOperator):
    """Compares the specs of a source with their clusters, and returns what is to be applied.

    `ref` is another branch, tag or commit than the one that is followed: of that, plans are made, and nothing changed.
    `folder` is followed in place of the connection's source, such as one beside the DAG file.
    """

    template_fields: Collection[str] = ("ref", "folder", "plan_only", "auto_approve", "put_back")

    def __init__(
        self,
        *,
        ref: str | None = None,
        folder: str | None = None,
        conn_id: str = SPECS_CONNECTION,
        plan_only: bool | str | None = None,
        auto_approve: bool | str | None = None,
        put_back: bool | str | None = None,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**{**TASK_DEFAULTS, "execution_timeout": LOOK, **options})
        self.ref, self.folder, self.conn_id = ref, folder, conn_id
        self.plan_only, self.auto_approve, self.put_back = plan_only, auto_approve, put_back

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the run to start for each spec that is to be applied: its `run_id` and `conf`."""
        with ending_on_permanent_errors():
            context = with_inputs(self, context)
            params, services = context["params"], airflow_services()
            source = source_of(str(params.get("folder") or ""), str(params.get("ref") or ""), self.conn_id)

            def run_of(name: str) -> RunContext:
                return RunContext.of_cluster(name, context, services)

            def alert(run: ClusterRun, text: str) -> None:
                run.log(text, level="warning")
                services.notify([Notice(run.name, text, "warning", is_alert=True)], context)

            look = look_at(source, services.store, run_of, alert, puts_back=bool(params.get("put_back")))
            tell(look, self.log.info)
            context["ti"].xcom_push(key=REPORT, value={"revision": source.revision, **look.value()})
            return self._asked(context, source, look)

    def _asked(self, context: Context, source: SpecSource, look: Look) -> list[dict[str, Any]]:
        params = context["params"]
        is_plan = bool(params.get("plan_only")) or not source.is_followed
        # By revision: what failed is tried again with the next one, or by a person, and not at each look.
        own = context["dag_run"].run_id if is_by_person(context) or is_plan else source.revision[:12]
        conf = {"plan_only": is_plan, "auto_approve": bool(params.get("auto_approve")) and not is_plan}
        return [
            {
                "run_id": f"{Operation.SYNC_SPECS}__{own}-{number}__{one.cluster}",
                "conf": {
                    "cluster": one.cluster,
                    "spec": one.text,
                    "reason": f"{one.path} at {source.revision[:12]}",
                    **{name: value for name, value in conf.items() if value},
                },
            }
            for one, number in look.to_apply
        ]


class SpecApplyOperator(TriggerDagRunOperator):
    """Starts the run that applies one spec; one that was started already is left alone. `asked` is no template.

    It does not wait: a rollout may take hours, or an answer, and then the next look finds it at work.
    """

    def __init__(self, *, asked: Mapping[str, Any], **options: Any) -> None:
        super().__init__(trigger_dag_id=Operation.APPLY, skip_when_already_exists=True, **{**TASK_DEFAULTS, **options})
        self.asked = asked

    def execute(self, context: Context) -> None:
        """Start it."""
        self.trigger_run_id, self.conf = self.asked["run_id"], dict(self.asked["conf"])
        super().execute(context)


class SpecsReportOperator(BaseOperator):
    """Returns how each cluster stands to its file; fails where a file is wrong, which has kept no other from its run.

    `look` is the task that has looked.
    """

    def __init__(self, *, look: str, **options: Any) -> None:
        super().__init__(**{**TASK_DEFAULTS, "execution_timeout": LOOK, **options})
        self.look = look

    def execute(self, context: Context) -> dict[str, Any]:
        """Return it."""
        with ending_on_permanent_errors():
            pull = context["ti"].xcom_pull
            report: dict[str, Any] = pull(task_ids=self.look, key=REPORT)
            asked = pull(task_ids=self.look) or []
            if wrong := wrong_text(report["clusters"]):
                raise SpecError(wrong)
            return {**report, "runs": {one["conf"]["cluster"]: one["run_id"] for one in asked}}
