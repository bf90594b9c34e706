"""The locks that hold, in the store: whoever answers for the store or for a mirror chooses none, nor one of before."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from windlass.domain.accepted_lock import AcceptedLock, first_accepted
from windlass.domain.artifacts import Lock
from windlass.domain.bounded import read_from
from windlass.domain.sealing import MasterKeys
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import ACCEPTED_LOCKS, accepted_lock_key
from windlass.effects.store.locks_of_before import LocksOfBefore
from windlass.errors import IntegrityError, NotReadyError


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class AcceptedLocks:
    """All locks that somebody accepted for this installation, by the mirror that they are of."""

    store: Store
    """What authenticates its objects: a lock that was changed, put back or removed is refused there."""
    keys: MasterKeys = field(repr=False)
    """By which earlier releases signed them."""
    now: Callable[[], datetime] = _now

    def find(self, mirror: str) -> AcceptedLock | None:
        """Return what holds for `mirror`; None if nobody accepted anything, IntegrityError if it was changed since.

        What an earlier release kept holds too, once: from then on it is guarded as the others are.
        """
        key = accepted_lock_key(mirror)
        stored = self.store.get(key)
        if stored is None:
            return self._taken_over(mirror)
        found = _read(stored.data, key)
        if found.mirror != mirror:
            raise IntegrityError(f"{key} in the store is of the mirror {found.mirror}, not of {mirror}")
        return found

    def all(self) -> tuple[AcceptedLock, ...]:
        """Return every lock that holds."""
        for old in LocksOfBefore(self.store, self.keys).all():
            self.find(old.mirror)
        stored = ((item.key, self.store.get(item.key)) for item in self.store.list(ACCEPTED_LOCKS))
        return tuple(_read(one.data, key) for key, one in stored if one is not None)

    def accept(self, mirror: str, lock: Lock, by: str) -> AcceptedLock:
        """Let `lock` hold for `mirror` from now on, decided by `by`; nothing is written if it does already.

        NotReadyError if somebody else changed it meanwhile: look again.
        """
        key, before = accepted_lock_key(mirror), self.find(mirror)
        if before is None:
            accepted = first_accepted(mirror, lock, by, self.now())
            return self._created(accepted) or self._by_another(mirror, lock)
        if before.lock == lock:
            return before
        stored, accepted = self.store.get(key), before.changed_to(lock, by, self.now())
        is_same = stored is not None and _read(stored.data, key) == before
        if stored is None or not is_same or self.store.replace(key, _bytes(accepted), stored.tag) is None:
            return self._by_another(mirror, lock)
        return accepted

    def _created(self, accepted: AcceptedLock) -> AcceptedLock | None:
        tag = self.store.create(accepted_lock_key(accepted.mirror), _bytes(accepted))
        return accepted if tag is not None else None

    def _taken_over(self, mirror: str) -> AcceptedLock | None:
        old = LocksOfBefore(self.store, self.keys).find(mirror)
        return None if old is None else self._created(old) or self.find(mirror)

    def _by_another(self, mirror: str, lock: Lock) -> AcceptedLock:
        """Return what somebody else accepted at the same moment, if it is the same lock."""
        found = self.find(mirror)
        if found is None or found.lock != lock:
            raise NotReadyError(f"the lock of {mirror} was accepted by somebody else at this moment; look again")
        return found


def _bytes(accepted: AcceptedLock) -> bytes:
    return json.dumps(accepted.document(), indent=1).encode()


def _read(data: bytes, key: str) -> AcceptedLock:
    with read_from(f"{key} in the store", "put an earlier version of this object back"):
        return AcceptedLock.from_document(json.loads(data))
