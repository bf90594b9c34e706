"""One backup and one drill of a cluster at a time, each beside whatever operation has the cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from windlass.domain.lease import Owner
from windlass.domain.started_by import put_off
from windlass.effects.store import Leases
from windlass.effects.store.keys import backup_lease_key, drill_lease_key
from windlass.errors import RefusedError, WindlassError
from windlass.operations.run import Attempt

BACKUP, DRILL = "etcd_backup", "restore_drill"


def backup_leases(leases: Leases) -> Leases:
    """Return the leases of backups beside those of operations."""
    return replace(leases, key=backup_lease_key)


def drill_leases(leases: Leases) -> Leases:
    """Return the leases of drills beside those of operations."""
    return replace(leases, key=drill_lease_key)


@contextmanager
def backup_turn(attempt: Attempt, cluster: str, owner: Owner) -> Iterator[None]:
    """Hold the turn to take a bundle; SkippedError if another run has it, WaitingError if a person asked."""
    with _turn(backup_leases(attempt.leases), cluster, owner, BACKUP) as refusal:
        if refusal is not None:
            raise put_off(f"a backup is being taken already: {refusal}", is_by_person=attempt.is_by_person) from refusal
        yield


@contextmanager
def drill_turn(attempt: Attempt, cluster: str, owner: Owner) -> Iterator[None]:
    """Hold the turn to drill; SkippedError if another run has it, WaitingError if a person asked."""
    with _turn(drill_leases(attempt.leases), cluster, owner, DRILL) as refusal:
        if refusal is not None:
            raise put_off(f"another drill runs: {refusal}", is_by_person=attempt.is_by_person) from refusal
        yield


@contextmanager
def _turn(leases: Leases, cluster: str, owner: Owner, operation: str) -> Iterator[RefusedError | None]:
    """Hold the lease, or give the refusal."""
    try:
        leases.acquire(cluster, owner, operation)
    except RefusedError as refusal:
        yield refusal
        return
    try:
        yield None
    finally:
        with contextlib.suppress(WindlassError):  # the run ends, and then the turn is anybody's
            leases.release(cluster, owner)
