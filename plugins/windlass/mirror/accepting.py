"""`windlass mirror accept` and `accepted` at work: which lock holds, and that clusters hear when it becomes another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from windlass.domain.accepted_lock import AcceptedLock, lock_digest
from windlass.domain.remote import AcceptArguments
from windlass.domain.servicelog import Event
from windlass.domain.spec import load_cluster
from windlass.effects.store import ClusterRecords, ServiceLog, Store, list_clusters
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.errors import UNREADABLE
from windlass.mirror.acceptance import accept_offered, differences

_OPERATION = "windlass mirror accept"


def accept(locks: AcceptedLocks, given: AcceptArguments, person: str, show: Callable[[str], None]) -> int:
    """Let the lock that a mirror offers hold from now on; RefusedError says which digest to compare."""
    mirror = given.mirror.rstrip("/")
    before = locks.find(mirror)
    accepted = accept_offered(locks, mirror, given.digest, person)
    if before == accepted:
        show(f"mirror: nothing to accept: {lock_digest(accepted.lock)} holds already for {mirror}")
        return 0
    show(f"mirror: {mirror}: {accepted.history[-1]}")
    for line in differences(before, accepted.lock):
        show(f"  {line}")
    tell_clusters(locks.store, accepted)
    return 0


def show_accepted(locks: AcceptedLocks, show: Callable[[str], None]) -> int:
    """Show the locks that hold: who accepted them, and when."""
    for accepted in locks.all():
        show(f"{accepted.mirror}: {len(accepted.lock.artifacts)} artifacts of the source `{accepted.lock.source}`")
        for acceptance in accepted.history:
            show(f"  {acceptance}")
    return 0


def tell_clusters(store: Store, accepted: AcceptedLock) -> None:
    """Write the newest change to the service log of each cluster whose spec names the mirror."""
    change = accepted.history[-1]
    event = Event(datetime.now(UTC), _OPERATION, f"the lock of the mirror {accepted.mirror} is another: {change}")
    for name in list_clusters(store):
        try:
            text = ClusterRecords(store, name).spec()
            artifacts = load_cluster(text, name).spec.artifacts if text is not None else None
        except UNREADABLE:  # one spec that is not readable keeps no other cluster from hearing of it
            continue
        if artifacts is not None and (artifacts.mirror or "").rstrip("/") == accepted.mirror:
            ServiceLog(store, name).append(event, writer="mirror-accept")
