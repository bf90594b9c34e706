"""One backup and one drill of a cluster at a time, each beside whatever operation has the cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from windlass.domain.started_by import put_off
from windlass.effects.clock import Clock
from windlass.effects.store import LeaseHold, RunLease
from windlass.errors import RefusedError, WindlassError


@contextmanager
def held(lease: RunLease, clock: Clock, busy: str, *, is_by_person: bool) -> Iterator[None]:
    """Hold and beat the lease of backups or drills; SkippedError if another run has it, WaitingError if a person asked.

    `busy` says what the other run is at, for people.
    """
    try:
        lease.acquire()
    except RefusedError as refusal:
        raise put_off(f"{busy}: {refusal}", is_by_person=is_by_person) from refusal
    try:
        with LeaseHold(lease, clock):
            yield
    finally:
        with contextlib.suppress(WindlassError):  # the run ends, and then the lease is anybody's
            lease.release()
