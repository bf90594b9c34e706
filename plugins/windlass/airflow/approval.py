"""Asking a person before something that cannot be undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context

from windlass.airflow.errors import TASK_DEFAULTS
from windlass.airflow.time_limits import ANSWER


class ClusterApprovalOperator(ApprovalOperator):
    """Waits until a person approves; a run with the param `auto_approve` goes on at once.

    A rejection fails the task, so that the run shows as stopped by a person and nothing after it starts. So does
    `response_timeout` without an answer; `execution_timeout` is for the asking itself.
    """

    def __init__(self, *, fail_on_reject: bool = True, response_timeout: timedelta = ANSWER, **options: Any) -> None:
        # Tried again, since Airflow may lose an answer that comes within the second in which it asked. Compare, of
        # deferred tasks that go on before the scheduler has seen them wait, apache/airflow issue 72716.
        super().__init__(
            fail_on_reject=fail_on_reject, response_timeout=response_timeout, **{**TASK_DEFAULTS, **options}
        )

    def execute(self, context: Context) -> Any:
        """Ask, unless the run was approved when it was started."""
        if reason := self.approved_by(context):
            self.log.info("nobody is asked: %s", reason)
            return None
        return super().execute(context)

    def approved_by(self, context: Context) -> str:
        """Return why nobody needs to be asked; empty if somebody must."""
        return "approved when the run was started" if context["params"].get("auto_approve") else ""
