"""A run that was started for one command: what it came to, sealed for whoever asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from windlass.airflow.command_handlers import answer_to
from windlass.airflow.services import airflow_services
from windlass.domain.lease import Owner
from windlass.domain.remote import Command, answer_context, read_arguments, seal_answer
from windlass.errors import RefusedError, SpecError

WAITED_FOR = timedelta(minutes=5)
"""How long after a command was given it is still run: nobody waits longer for it to begin."""


def sealed_answer(dag_run: Any, params: Mapping[str, Any], tell: Callable[[str], None]) -> str:
    """Return the answer, sealed for whoever asked; RefusedError if nobody waits for it any more."""
    _require_fresh(dag_run.run_after, airflow_services().clock.now())
    command, cluster = _command(params.get("command")), params.get("cluster") or ""
    given = read_arguments(command, params.get("arguments") or {})
    person = getattr(dag_run, "triggering_user_name", None) or ""
    answer = answer_to(command, cluster, given, person, Owner(dag_run.dag_id, dag_run.run_id))
    tell(f"`windlass {command}` for {person or 'nobody'}: exit code {answer.exit_code}")
    bound_to = answer_context(dag_run.run_id, command, cluster)
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
