"""The steps of a rollout in their order, as the states of Airflow's mapped tasks tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRescheduleException

from windlass.domain.rollout.step_order import StepTurn, turn_of, undone_steps
from windlass.errors import RefusedError, SkippedError

_TURN = timedelta(seconds=5)


def require_step_order(context: Context) -> None:
    """Go on only once all steps before this one are done; else skip, fail, or try again soon."""
    ti = context["ti"]
    match turn_of(_states(context, ti.task_id), -1 if ti.map_index is None else ti.map_index):
        case StepTurn.FAIL:
            raise RefusedError("a step before this one failed: the rollout has stopped")
        case StepTurn.SKIP:
            raise SkippedError("the rollout has paused before this step")
        case StepTurn.WAIT:
            raise AirflowRescheduleException(datetime.now(UTC) + _TURN)  # type: ignore[no-untyped-call]


def left_undone(context: Context, rollout: str) -> frozenset[int]:
    """Return the numbers of the steps that a pause has kept from being done."""
    return undone_steps(_states(context, rollout))


def _states(context: Context, task_id: str) -> dict[int, str | None]:
    """Return the states of the mapped task's instances by their number; Airflow names them `TASK_NUMBER`."""
    ti, run_id = context["ti"], context["dag_run"].run_id
    found = ti.get_task_states(ti.dag_id, task_ids=[task_id], run_ids=[run_id]).get(run_id, {})
    numbered = {name.removeprefix(f"{task_id}_"): state for name, state in found.items()}
    return {int(number): state for number, state in numbered.items() if number.isdecimal()}
