"""Whether a remediation run may begin, has to wait for another run on the same cluster, or may leave all to it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from windlass.domain.lease import Lease, Owner
from windlass.operation_names import Operation

Contention = Literal["ask", "wait", "leave"]


def contention_of(holder: Lease | None, owner: Owner, began: datetime) -> Contention:
    """Return what the run of `owner`, which began at `began`, does about a cluster whose lease is `holder`'s.

    Another remediation run that gave a sign of life after that observes the whole cluster once more before it ends, so
    that it finds whatever this run was started for. Any other operation is waited for: none changes a cluster beside
    remediation.
    """
    if holder is None or holder.released or holder.owner == owner:
        return "ask"
    return "leave" if holder.operation == Operation.REMEDIATE and holder.heartbeat > began else "wait"
