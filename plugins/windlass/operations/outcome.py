"""Whether a run that holds a cluster came to its end, where Airflow does not judge by all of its tasks."""

from __future__ import annotations

from collections.abc import Mapping

from windlass.errors import WindlassError

_FAILED = frozenset({"failed", "upstream_failed"})


def require_end(run_id: str, states: Mapping[str, str | None], last: str) -> None:
    """WindlassError if a run was broken off, given the state of each of its tasks.

    Whoever sets a run to failed has Airflow fail the tasks that run and skip those that have not begun, the `last` one
    among them, which is never skipped otherwise once the run has the lease. Then teardowns run, and Airflow judges by
    tasks that were skipped: the run would count as a success (`_set_dag_run_terminal_state` in
    airflow/api/common/mark_tasks.py and `update_state` in airflow/models/dagrun.py of Airflow 3.3).
    """
    failed = sorted(task for task, state in states.items() if state in _FAILED)
    is_cut = states.get("lease") == "success" and states.get(last) == "skipped"
    if not failed and not is_cut:
        return
    why = f"failed: {', '.join(failed)}" if failed else f"`{last}` was skipped, as by whoever sets a run to failed"
    raise WindlassError(f"{run_id} did not come to its end: {why}")
