"""The task that runs one command for somebody elsewhere, and seals what it came to."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context

from windlass.airflow.command_run import sealed_answer
from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.time_limits import LOOK


class CommandOperator(BaseOperator):
    """Runs the command of the run's params; nothing of the answer is in logs or, but sealed, in the result.

    It is tried once: a person waits, and gives the command again.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**TASK_DEFAULTS, "retries": 0, "execution_timeout": LOOK, **options})

    def execute(self, context: Context) -> str:
        """Return the answer, sealed for whoever asked; RefusedError if nobody waits for it any more."""
        with ending_on_permanent_errors():
            return sealed_answer(context["dag_run"], context["params"], self.log.info)
