"""The task that runs one command for somebody elsewhere, and seals what it came to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from windlass.airflow.command_handlers import answer_to
from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.services import airflow_services
from windlass.airflow.time_limits import LOOK
from windlass.domain.lease import Owner
from windlass.domain.remote import Command, answer_context, read_arguments, seal_answer
from windlass.errors import RefusedError, SpecError

WAITED_FOR = timedelta(minutes=5)
"""How long after a command was given it is still run: nobody waits longer for it to begin."""


class CommandOperator(BaseOperator):
    """Runs the command of the run's params; nothing of the answer is in logs or, but sealed, in the result.

    It is tried once: a person waits, and gives the command again.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**TASK_DEFAULTS, "retries": 0, "execution_timeout": LOOK, **options})

    def execute(self, context: Context) -> str:
        """Return the answer, sealed for whoever asked; RefusedError if nobody waits for it any more."""
        with ending_on_permanent_errors():
            run, params = context["dag_run"], context["params"]
            _require_fresh(run.run_after, airflow_services().clock.now())
            command, cluster = _command(params.get("command")), params.get("cluster") or ""
            given = read_arguments(command, params.get("arguments") or {})
            person = getattr(run, "triggering_user_name", None) or ""
            answer = answer_to(command, cluster, given, person, Owner(run.dag_id, run.run_id))
            self.log.info("`windlass %s` for %s: exit code %d", command, person or "nobody", answer.exit_code)
            bound_to = answer_context(run.run_id, command, cluster)
            return seal_answer(answer.to_bytes(), params.get("key") or "", bound_to)


def _require_fresh(given_at: datetime, now: datetime) -> None:
    """RefusedError for a command of a while ago: it waited for a worker, or somebody cleared its task."""
    if now - given_at > WAITED_FOR:
        raise RefusedError(
            f"the command was given at {given_at:%Y-%m-%d %H:%M:%S}Z, and nobody waits for its answer any more; "
            "give it again"
        )


def _command(name: Any) -> Command:
    try:
        return Command(name)
    except ValueError:
        raise SpecError(f"there is no command `windlass {name}` that a worker could run") from None
