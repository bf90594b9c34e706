"""Whether the lock that a mirror offers may hold: without being told so, only one that was made on this machine."""

from __future__ import annotations

import shlex

from windlass.domain.accepted_lock import AcceptedLock, lock_changes, lock_digest
from windlass.domain.artifacts import Lock
from windlass.domain.bounded import bounded_lines
from windlass.effects.mirror import fetch_lock
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.errors import RefusedError, WindlassError
from windlass.mirror import cache
from windlass.mirror.source_choice import SOURCES

BY_THIS_MACHINE = "the mirror on the machine of the run"


def is_made_here(lock: Lock) -> bool:
    """Tell whether a mirror on this machine has the same lock: its owner filled it, and no network was between."""
    return any(_made_here(source) == lock for source in SOURCES)


def accepted_lock(locks: AcceptedLocks, mirror: str) -> Lock:
    """Return the lock that holds for `mirror`, whose answers then do not count.

    Where none holds yet, what the mirror offers is accepted if it was made on this machine; else RefusedError with
    its digest and the command that accepts it.
    """
    found = locks.find(mirror)
    if found is not None:
        return found.lock
    offered = fetch_lock(mirror)
    if not is_made_here(offered):
        raise RefusedError(
            f"mirror {mirror}: nobody has accepted its lock yet, and it was not made on this machine: "
            f"{len(offered.artifacts)} artifacts of the source `{offered.source}`, digest {lock_digest(offered)}; "
            f"compare that with `windlass mirror list` where the mirror was filled, then: {command(mirror, offered)}"
        )
    return locks.accept(mirror, offered, BY_THIS_MACHINE).lock


def accept_offered(locks: AcceptedLocks, mirror: str, digest: str | None, by: str) -> AcceptedLock:
    """Accept what `mirror` offers if it has `digest`, or was made on this machine.

    Else RefusedError with what would be another, the digest to compare and the command that accepts it.
    """
    offered = fetch_lock(mirror)
    if digest is not None and digest != lock_digest(offered):
        raise RefusedError(f"mirror {mirror}: it offers a lock with the digest {lock_digest(offered)}, not {digest}")
    if digest is None and not is_made_here(offered):
        told = "\n  ".join(["", *differences(locks.find(mirror), offered)])
        raise RefusedError(
            f"mirror {mirror}: its lock was not made on this machine; compare its digest with `windlass mirror list` "
            f"where the mirror was filled, then: {command(mirror, offered)}{told}"
        )
    return locks.accept(mirror, offered, by)


def differences(held: AcceptedLock | None, offered: Lock) -> tuple[str, ...]:
    """Return the lines that tell what would be another, or that nothing was accepted so far."""
    if held is None:
        return (f"nothing was accepted so far; {len(offered.artifacts)} artifacts of the source `{offered.source}`",)
    return bounded_lines(lock_changes(held.lock, offered)) or ("it is the one that was accepted",)


def command(mirror: str, offered: Lock) -> str:
    """Return the command that accepts what a mirror offers."""
    return f"windlass mirror accept {shlex.quote(mirror)} --digest {lock_digest(offered)}"


def _made_here(source: str) -> Lock | None:
    try:
        return cache.read_lock(source)
    except (WindlassError, OSError):  # there is none, or it cannot be read: then nothing vouches for what is offered
        return None
