"""What the publishers gave for a release, asked for once: from then on it holds for all hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from windlass.domain.accepted_lock import lock_changes
from windlass.domain.artifacts import Artifact, Lock, parse_lock
from windlass.domain.bounded import bounded_lines
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.effects.store.keys import published_lock_key
from windlass.errors import IntegrityError

BY_PUBLISHERS = "the publishers, when they were first asked"


def kept_published_lock(
    locks: AcceptedLocks, version: str, artifacts: Iterable[Artifact], ask: Callable[[Iterable[Artifact]], Lock]
) -> Lock:
    """Return the digests of `artifacts` that hold for the release `version`; what has none yet is asked for."""
    name = f"official {version}"
    found = locks.find(name)
    known = found.lock if found is not None else Lock("official", {})
    lacking = [artifact for artifact in artifacts if artifact not in known.artifacts]
    if not lacking:
        return known
    asked = ask(lacking)
    if found is None:
        _check_unsigned(locks, version, asked)
    return locks.accept(name, Lock(known.source, {**known.artifacts, **asked.artifacts}), BY_PUBLISHERS).lock


def _check_unsigned(locks: AcceptedLocks, version: str, asked: Lock) -> None:
    """Raise IntegrityError if an earlier version of Windlass kept other digests, without a signature."""
    key = published_lock_key(version)
    stored = locks.store.get(key)
    if stored is None:
        return
    kept = parse_lock(stored.data.decode(errors="replace"))
    shared = {artifact: locked for artifact, locked in kept.artifacts.items() if artifact in asked.artifacts}
    now = {artifact: asked.artifacts[artifact] for artifact in shared}
    changes = bounded_lines(lock_changes(Lock(kept.source, shared), Lock(asked.source, now)))
    if changes:
        raise IntegrityError(
            f"{key} in the store, which nobody signed, has other digests than the publishers give now: "
            f"{'; '.join(changes)}; find out which is right, and delete that object if the publishers are"
        )
