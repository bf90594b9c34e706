"""The steps of a roll in their order, and a pause between two of them that is asked for while it runs.

A step that a pause keeps from being done is skipped; one that a failure keeps from being done fails as well.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException

from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext
from windlass.domain.rollout import Step
from windlass.effects.store import Pause
from windlass.errors import RefusedError
from windlass.operation_names import Operation

log = logging.getLogger(__name__)
_TURN = timedelta(seconds=5)
_DONE, _PAUSED = "success", "skipped"
_FAILED = frozenset({"failed", "upstream_failed", "removed"})


def require_step_order(context: Context) -> None:
    """Go on only once all steps before this one are done: mapped tasks know no order among themselves."""
    ti = context["ti"]
    mine = ti.map_index if ti.map_index is not None else -1
    found = _states(context, ti.task_id)
    states = [found.get(f"{ti.task_id}_{index}") for index in range(max(0, mine))]
    if any(state in _FAILED for state in states):
        # Failed, not skipped: who has what failed tried again gets all that is left done.
        raise RefusedError("a step before this one failed: the roll has stopped")
    if _PAUSED in states:
        raise AirflowSkipException("the roll has paused before this step")
    if any(state != _DONE for state in states):
        raise AirflowRescheduleException(datetime.now(UTC) + _TURN)  # type: ignore[no-untyped-call]


def pause_if_asked(context: Context, run: RunContext, step: Step) -> None:
    """Skip the step if its run was asked to pause; one that is tried again has begun, and is done to its end."""
    pause = run.records.pause()
    if pause is None or pause.run != run.owner.run_id or context["ti"].try_number > 1:
        return
    log.info("%s; it is not begun: %s", pause, step.label)
    raise AirflowSkipException(f"paused before {step.label}: {pause}")


def left_undone(context: Context, rollout: str) -> frozenset[int]:
    """Return the numbers of the steps that a pause has kept from being done."""
    states = _states(context, rollout)
    return frozenset(int(name.rpartition("_")[2]) for name, state in states.items() if state == _PAUSED and "_" in name)


def _states(context: Context, task_id: str) -> dict[str, Any]:
    """Return the states of the mapped task's instances, by `TASK_NUMBER`."""
    ti, run_id = context["ti"], context["dag_run"].run_id
    found: dict[str, Any] = ti.get_task_states(ti.dag_id, task_ids=[task_id], run_ids=[run_id]).get(run_id, {})
    return found


class UpgradePauseOperator(ClusterOperator):
    """Asks the roll that is at work to pause before its next step. Needs no lease, and changes no host."""

    def act(self, context: Context, run: RunContext) -> dict[str, str]:
        """Return which run was asked; RefusedError if no roll is at work."""
        lease = run.lease().effective()
        if lease is None or lease.owner.dag_id != Operation.UPGRADE:
            rollout = run.records.rollout()
            stands = (
                f"{rollout} is not at work now, and waits to be gone on with" if rollout else "no upgrade is at work"
            )
            raise RefusedError(f"{run.name}: {stands}: there is nothing to pause")
        asked = datetime.now(UTC).isoformat(timespec="seconds")
        run.records.ask_pause(Pause(lease.owner.run_id, run.owner.run_id, asked, run.reason))
        whom = f"run {lease.owner.run_id} of {Operation.UPGRADE}"
        text = f"{run.owner.dag_id}: {whom} was asked to pause before its next step"
        run.log(text)
        self.log.info("%s", text)
        return {"cluster": run.name, "run": lease.owner.run_id, "asked": asked}
