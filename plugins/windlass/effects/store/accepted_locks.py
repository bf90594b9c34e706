"""The locks that hold, in the store: signed, so that whoever answers for the store or for a mirror chooses none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from windlass.domain.accepted_lock import AcceptedLock, first_accepted
from windlass.domain.artifacts import Lock
from windlass.domain.bounded import read_from
from windlass.domain.sealing import MasterKeys
from windlass.domain.signed_document import signed, verified
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import ACCEPTED_LOCKS, accepted_lock_key
from windlass.errors import IntegrityError, NotReadyError


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class AcceptedLocks:
    """All locks that somebody accepted for this installation, by the mirror that they are of."""

    store: Store
    keys: MasterKeys
    now: Callable[[], datetime] = _now

    def find(self, mirror: str) -> AcceptedLock | None:
        """Return what holds for `mirror`; None if nobody accepted anything, IntegrityError if it was changed since."""
        key = accepted_lock_key(mirror)
        stored = self.store.get(key)
        if stored is None:
            return None
        found = self._read(stored.data, key)
        if found.mirror != mirror:
            raise IntegrityError(f"{key} in the store is of the mirror {found.mirror}, not of {mirror}")
        return found

    def all(self) -> tuple[AcceptedLock, ...]:
        """Return every lock that holds."""
        stored = ((item.key, self.store.get(item.key)) for item in self.store.list(ACCEPTED_LOCKS))
        return tuple(self._read(one.data, key) for key, one in stored if one is not None)

    def accept(self, mirror: str, lock: Lock, by: str) -> AcceptedLock:
        """Let `lock` hold for `mirror` from now on, decided by `by`; nothing is written if it does already.

        NotReadyError if somebody else changed it meanwhile: look again.
        """
        key = accepted_lock_key(mirror)
        stored = self.store.get(key)
        if stored is None:
            accepted = first_accepted(mirror, lock, by, self.now())
            tag = self.store.create(key, self._bytes(accepted, key))
        else:
            before = self._read(stored.data, key)
            if before.lock == lock:
                return before
            accepted = before.changed_to(lock, by, self.now())
            tag = self.store.replace(key, self._bytes(accepted, key), stored.tag)
        return accepted if tag is not None else self._by_another(mirror, lock)

    def _by_another(self, mirror: str, lock: Lock) -> AcceptedLock:
        """Return what somebody else accepted at the same moment, if it is the same lock."""
        found = self.find(mirror)
        if found is None or found.lock != lock:
            raise NotReadyError(f"the lock of {mirror} was accepted by somebody else at this moment; look again")
        return found

    def _bytes(self, accepted: AcceptedLock, key: str) -> bytes:
        return signed(accepted.document(), key, self.keys)

    def _read(self, data: bytes, key: str) -> AcceptedLock:
        document = verified(data, key, self.keys)
        with read_from(f"{key} in the store", "put an earlier version of this object back, or delete it"):
            return AcceptedLock.from_document(document)
