"""The steps of a rollout in their order, as Airflow's mapped tasks know it, and the request to pause between two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRescheduleException

from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext
from windlass.domain.rollout.step_order import StepTurn, turn_of, undone_steps
from windlass.errors import RefusedError, SkippedError
from windlass.operations.rollout.pause import ask_to_pause

_TURN = timedelta(seconds=5)


def require_step_order(context: Context) -> None:
    """Go on only once all steps before this one are done; else skip, fail, or try again soon."""
    ti = context["ti"]
    match turn_of(_states(context, ti.task_id), -1 if ti.map_index is None else ti.map_index):
        case StepTurn.FAIL:
            raise RefusedError("a step before this one failed: the roll has stopped")
        case StepTurn.SKIP:
            raise SkippedError("the roll has paused before this step")
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


class UpgradePauseOperator(ClusterOperator):
    """Asks the rollout that is at work to pause before its next step. Needs no lease, and changes no host."""

    def act(self, context: Context, run: RunContext) -> dict[str, str]:
        """Return which run was asked; RefusedError if no rollout is at work."""
        pause = ask_to_pause(run, self.log.info)
        return {"cluster": run.name, "run": pause.run, "asked": pause.asked}
