"""Take the cluster's lease for remediation, wait for another operation, or leave all to another remediation run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.domain.remediation.contention import contention_of
from windlass.effects.store import RunLease
from windlass.errors import NotReadyError, RefusedError
from windlass.operation_names import Operation


@dataclass(frozen=True)
class Waiting:
    """How long another operation is waited for, and how."""

    patience: timedelta = timedelta(minutes=3)
    """One try of the task waits for so long; Airflow tries again after it."""
    pause: timedelta = timedelta(seconds=1)
    sleep: Callable[[float], None] = time.sleep


def take_lease(lease: RunLease, began: datetime, log: Callable[[str], None], waiting: Waiting) -> bool:
    """Take the lease, or wait for the run that has it; False if that run does what the one that `began` is for.

    NotReadyError if another operation has it for longer than is waited.
    """
    waited, said = timedelta(), ""
    while True:
        if contention_of(lease.effective(), lease.owner, began) == "leave":
            log(f"another run of {Operation.REMEDIATE} is at this cluster and will observe all of it again")
            return False
        try:
            lease.acquire()
        except RefusedError as refusal:
            if not said:
                said = str(refusal)
                log(said)
            if waited >= waiting.patience:
                raise NotReadyError(f"remediation waits: {refusal}") from refusal
        else:
            return True
        waiting.sleep(waiting.pause.total_seconds())
        waited += waiting.pause
