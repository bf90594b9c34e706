"""Accepted locks as earlier releases kept them: signed by the master key for their place, and with no generation."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from windlass.domain.accepted_lock import AcceptedLock
from windlass.domain.authenticity import Ledger
from windlass.domain.authenticity.place import CATALOG_CLUSTER, ledger_place
from windlass.domain.bounded import read_from
from windlass.domain.sealing import MasterKeys, check_signature
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import LOCKS_OF_BEFORE, accepted_lock_key, lock_key_of_before
from windlass.errors import IntegrityError

_ADVICE = "put an earlier version of this object back, or delete it and accept anew what it said"


@dataclass(frozen=True)
class LocksOfBefore:
    """Each counts until the catalog's ledger knows a lock of the same mirror, and never again."""

    store: Store
    keys: MasterKeys = field(repr=False)

    def find(self, mirror: str) -> AcceptedLock | None:
        """Return the lock of a mirror if it counts still; IntegrityError if it was changed."""
        key = lock_key_of_before(mirror)
        stored = None if self._is_known(mirror) else self.store.get(key)
        if stored is None:
            return None
        found = lock_of_before(stored.data, key, self.keys)
        if found.mirror != mirror:
            raise IntegrityError(f"{key} in the store is of the mirror {found.mirror}, not of {mirror}")
        return found

    def all(self) -> tuple[AcceptedLock, ...]:
        """Return the locks, whether they count still or not; IntegrityError if one was changed."""
        stored = ((item.key, self.store.get(item.key)) for item in self.store.list(LOCKS_OF_BEFORE))
        return tuple(lock_of_before(one.data, key, self.keys) for key, one in stored if one is not None)

    def _is_known(self, mirror: str) -> bool:
        ledger = self.store.get(ledger_place(CATALOG_CLUSTER).key)
        if ledger is None:
            return False
        with read_from("the catalog's ledger in the store", "put an earlier version of this object back"):
            return Ledger.of(ledger.data).generation(accepted_lock_key(mirror)) > 0


def lock_of_before(data: bytes, key: str, keys: MasterKeys) -> AcceptedLock:
    """Read what an earlier release wrote at `key`; IntegrityError if it is anything else."""
    with read_from(f"{key} in the store", _ADVICE):
        whole = json.loads(data)
        document, signature = whole["document"], str(whole["signature"])
        bound = f"windlass signed document 1\n{key}\n{json.dumps(document, sort_keys=True)}".encode()
    check_signature(bound, signature, keys, f"{key} in the store")
    with read_from(f"{key} in the store", _ADVICE):
        return AcceptedLock.from_document(document)
