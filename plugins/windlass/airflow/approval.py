"""Asking a person before something that cannot be undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperatorLink, Context
from airflow.sdk.exceptions import TaskAwaitingInput

from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.inputs import with_inputs
from windlass.airflow.links import ClusterLink
from windlass.airflow.run_alerts import notify_waiting
from windlass.airflow.run_context import RunContext
from windlass.airflow.time_limits import ANSWER
from windlass.domain.approval import SECOND
from windlass.errors import RefusedError
from windlass.operations.rights import require_approver
from windlass.operations.two_people import TwoPeople

_ASKED = "asked"
"""The argument by which an asking task hands on, from before its wait to after it, what the second person reads."""


class ClusterApprovalOperator(ApprovalOperator):
    """Waits until a person approves; a run with the param `auto_approve` goes on at once.

    A rejection fails the task, so that the run shows as stopped by a person and nothing after it starts. So does
    `response_timeout` without an answer; `execution_timeout` is for the asking itself. Where two people must be behind
    it, `auto_approve` is refused, and so is an answer by the user who started the run. Without `cluster` and `request`
    it goes by the run's params.
    """

    # First, since what is asked may name the cluster.
    template_fields: Collection[str] = ("cluster", "request", *ApprovalOperator.template_fields)
    operator_extra_links: Collection[BaseOperatorLink] = (
        *ApprovalOperator.operator_extra_links,
        ClusterLink(),
    )

    def __init__(
        self,
        *,
        cluster: str | None = None,
        request: Mapping[str, Any] | None = None,
        fail_on_reject: bool = True,
        response_timeout: timedelta = ANSWER,
        **options: Any,
    ) -> None:
        # Tried again, since Airflow may lose an answer that comes within the second in which it asked. Compare, of
        # deferred tasks that go on before the scheduler has seen them wait, apache/airflow issue 72716.
        super().__init__(
            fail_on_reject=fail_on_reject, response_timeout=response_timeout, **{**TASK_DEFAULTS, **options}
        )
        self.cluster, self.request = cluster, request

    def execute(self, context: Context) -> Any:
        """Ask, unless the run was approved when it was started."""
        with ending_on_permanent_errors():
            context = self._own(context)
            demand = self.two_people(context)
            if demand is not None:
                _refuse_cleared(context)
                auto_approve = bool(context["params"].get("auto_approve"))
                demand.refuse_in_advance(RunContext.of(context), auto_approve=auto_approve)
                return self._ask_second(context, demand)
            if reason := self.approved_by(context):
                self.log.info("nobody is asked: %s", reason)
                return None
        return self._ask(context)

    def _ask(self, context: Context) -> Any:
        try:
            return super().execute(context)
        except TaskAwaitingInput:
            notify_waiting(context, self.subject, self.response_timeout)
            raise

    def _ask_second(self, context: Context, demand: TwoPeople) -> Any:
        self.log.info("somebody else than who started the run is asked: %s", demand.why)
        try:
            return self._ask(context)
        except TaskAwaitingInput as waiting:
            # What was asked, and not what may be planned by then, is what the answer is for.
            asked = {**(waiting.kwargs or {}), _ASKED: [demand.why, demand.digest]}
            raise TaskAwaitingInput(method_name=waiting.method_name, kwargs=asked, timeout=waiting.timeout) from None

    def execute_complete(self, context: Context, event: dict[str, Any], asked: list[str] | None = None) -> Any:
        """Return the answer; where two people must be behind it, with the second's signed approval."""
        answer = super().execute_complete(context, event)
        with ending_on_permanent_errors():
            context = self._own(context)
        approver = (answer.get("responded_by_user") or {}).get("name") or ""
        if not context["params"].get("cluster"):  # a question of somebody's own DAG, about no cluster
            return answer
        with ending_on_permanent_errors():
            run = RunContext.of(context)
            require_approver(run, approver)
            if asked is None:
                return answer
            second = TwoPeople(*asked).approve(run, approver, self.log.info)
        return {**answer, SECOND: second}

    def _own(self, context: Context) -> Context:
        own = with_inputs(self, context)
        self.cluster = own["params"].get("cluster")
        return own

    def approved_by(self, context: Context) -> str:
        """Return why nobody needs to be asked; empty if somebody must."""
        return "approved when the run was started" if context["params"].get("auto_approve") else ""

    def two_people(self, context: Context) -> TwoPeople | None:  # noqa: ARG002 - whoever asks about clusters knows
        """Return the demand for a second person; None if one will do."""
        return None


def _refuse_cleared(context: Context) -> None:
    """RefusedError of a run that was begun again: by whom Airflow does not say, who may well be who would approve it.

    It still names who started it once, who need not want it any more.
    """
    run = context["dag_run"]
    if getattr(run, "clear_number", 0):
        raise RefusedError(
            f"{run.dag_id}: two people must be behind this, and it is not known who had this run begin again, by "
            "clearing tasks of it; start a new run"
        )
