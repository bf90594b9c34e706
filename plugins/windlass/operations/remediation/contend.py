"""Take the cluster's lease for remediation, wait for another operation, or leave all to another remediation run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.domain.remediation.contention import contention_of
from windlass.effects.store import ClusterRecords, RunLease
from windlass.errors import NotReadyError, RefusedError
from windlass.operation_names import Operation


@dataclass(frozen=True)
class Waiting:
    """How long another operation is waited for, and how."""

    patience: timedelta = timedelta(minutes=3)
    """One try of the task waits for so long; Airflow tries again after it."""
    pause: timedelta = timedelta(seconds=1)
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Queue:
    """Who else waits, and what ends all waiting."""

    records: ClusterRecords
    why_deleted: Callable[[], str] = lambda: ""
    """Returns which run deletes the cluster, for which this one stands back; empty if none does."""
    is_patient: bool = False
    """Whether a person asked: then the run waits whoever else does."""

    def join(self, run: str) -> None:
        """Have a run be the one that waits."""
        self.records.save_waiting(run)

    def why_leave(self, run: str) -> str:
        """Return why a run that has joined need not wait any longer; empty if it has to."""
        if deleted := self.why_deleted():
            return deleted
        if self.is_patient or self.records.waiting() == run:
            return ""
        return f"a newer run of {Operation.REMEDIATE} waits for this cluster, and will observe all of it"


def take_lease(lease: RunLease, began: datetime, log: Callable[[str], None], waiting: Waiting, queue: Queue) -> bool:
    """Take the lease, or wait for the run that has it; False if that run does what the one that `began` is for.

    At most one run waits: the newest, which will observe whatever the others were started for. NotReadyError if another
    operation has the lease for longer than is waited.
    """
    waited, said = timedelta(), ""
    while True:
        if contention_of(lease.effective(), lease.owner, began) == "leave":
            log(f"another run of {Operation.REMEDIATE} is at this cluster and will observe all of it again")
            return False
        if why := queue.why_leave(lease.owner.run_id) if said else queue.why_deleted():
            log(f"{why}: nothing is done by this run")
            return False
        try:
            lease.acquire()
        except RefusedError as refusal:
            if not said:
                queue.join(lease.owner.run_id)
                said = str(refusal)
                log(said)
            if waited >= waiting.patience:
                raise NotReadyError(f"remediation waits: {refusal}") from refusal
        else:
            return True
        waiting.sleep(waiting.pause.total_seconds())
        waited += waiting.pause
