"""Take the cluster's lease for what goes before remediation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from windlass.effects.clock import Clock
from windlass.effects.store import RunLease
from windlass.errors import RefusedError
from windlass.operation_names import Operation
from windlass.operations.waiting import wait_until


def take_from_remediation(
    lease: RunLease, clock: Clock, doing: str, within: timedelta, tell: Callable[[str], None] | None = None
) -> None:
    """Take the lease; RefusedError names the run that holds it instead.

    A remediation, which much of what a person does starts too, is waited for. NotReadyError if it does not end.
    """

    def held() -> str:
        try:
            lease.acquire()
        except RefusedError as refusal:
            holder = lease.effective()
            if holder is not None and holder.operation != Operation.REMEDIATE:
                raise
            return str(refusal)
        return ""

    wait_until(held, within, doing, clock, tell)
