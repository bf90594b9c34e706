"""What lets people into one cluster, and how often each was let in lately."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from windlass.domain.bounded import moment, read_from
from windlass.domain.people import PeopleAccess, admit
from windlass.domain.sealing import MasterKeys, seal_bytes, sealed_with, unseal_bytes
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import credentials_prefix, people_key
from windlass.errors import IntegrityError, NotReadyError

_ROUNDS = 10
"""How often somebody who lost a race asks again; each lost round means that another of their own requests won one."""


@dataclass(frozen=True)
class PeopleRecords:
    """The records of one cluster that those need who sign for people. `keys` are the keys of people."""

    store: Store
    cluster: str

    def publish(self, access: PeopleAccess | None, keys: MasterKeys) -> bool:
        """Store what lets people in, or remove it where nobody is let in; False if it is stored just so already."""
        key = people_key(self.cluster)
        stored = self.store.get(key)
        if access is None:
            if stored is not None:
                self.store.delete(key)
            return stored is not None
        if stored is not None and self._is_kept(stored.data, access, keys):
            return False
        self.store.put(key, seal_bytes(access.to_bytes(), keys, key))
        return True

    def _is_kept(self, sealed: bytes, access: PeopleAccess, keys: MasterKeys) -> bool:
        try:
            return sealed_with(sealed) == keys.keys[0].key_id and self._open(sealed, keys) == access
        except IntegrityError:  # whoever holds the whole PKI writes it anew
            return False

    def access(self, keys: MasterKeys) -> PeopleAccess | None:
        """Return what lets people in; None if nothing does, IntegrityError if no key opens it."""
        stored = self.store.get(people_key(self.cluster))
        return None if stored is None else self._open(stored.data, keys)

    def _open(self, sealed: bytes, keys: MasterKeys) -> PeopleAccess:
        return PeopleAccess.from_bytes(unseal_bytes(sealed, keys, people_key(self.cluster)))

    def count(self, user: str, now: datetime) -> None:
        """Note that `user` is given a certificate; TooManyCredentialsError if that would be one too many."""
        key = f"{credentials_prefix(self.cluster)}{hashlib.sha256(user.encode()).hexdigest()}.json"
        for _ in range(_ROUNDS):
            stored = self.store.get(key)
            earlier = () if stored is None else _read_times(key, stored.data)
            data = json.dumps([time.isoformat() for time in admit(earlier, now)]).encode()
            written = self.store.create(key, data) if stored is None else self.store.replace(key, data, stored.tag)
            if written is not None:
                return
        raise NotReadyError(f"cluster `{self.cluster}`: `{user}` asks for many certificates at once; ask again")


def _read_times(key: str, data: bytes) -> tuple[datetime, ...]:
    with read_from(f"{key} in the store", "delete it"):
        times: list[Any] = json.loads(data)
        return tuple(moment(time) for time in times)
