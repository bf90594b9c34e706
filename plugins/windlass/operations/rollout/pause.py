"""Ask the rollout that is at work to pause before its next step. It needs no lease, and changes no host."""

from __future__ import annotations

from datetime import UTC, datetime

from windlass.domain.rollout.record import Pause, RolloutRecord
from windlass.errors import RefusedError
from windlass.operation_names import ROLLOUTS
from windlass.operations.run import ClusterRun, Tell


def ask_to_pause(run: ClusterRun, tell: Tell) -> Pause:
    """Return what was asked of which run; RefusedError if no rollout is at work."""
    lease = run.lease().effective()
    if lease is None or lease.owner.dag_id not in ROLLOUTS:
        raise _nothing_to_pause(run.name, run.records.rollout())
    pause = Pause(lease.owner.run_id, run.owner.run_id, datetime.now(UTC).isoformat(timespec="seconds"), run.reason)
    run.records.ask_pause(pause)
    text = f"{run.owner.dag_id}: run {pause.run} of {lease.owner.dag_id} was asked to pause before its next step"
    run.log(text)
    tell(text)
    return pause


def _nothing_to_pause(cluster: str, rollout: RolloutRecord | None) -> RefusedError:
    stands = f"{rollout} is not at work now, and waits to be gone on with" if rollout else "no rollout is at work"
    return RefusedError(f"{cluster}: {stands}: there is nothing to pause")
