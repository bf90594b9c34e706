"""Stores as tests of authenticated objects need them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from windlass.domain.sealing import MasterKeys, new_master_key, sign
from windlass.effects.store import AuthenticatedStore, MemoryStore, Store
from windlass.errors import UnreachableError


def new_keys(*others: str) -> MasterKeys:
    return MasterKeys.parse(",".join([new_master_key().reveal(), *others]))


def opened(raw: Store, masters: MasterKeys) -> AuthenticatedStore:
    """Return the store as another process opens it: it remembers nothing."""
    return AuthenticatedStore.by(raw, masters)


def objects_of(raw: MemoryStore) -> dict[str, bytes]:
    """Return all that lies in a store, as whoever has the bucket sees it."""
    return {item.key: stored.data for item in list(raw.list("")) if (stored := raw.get(item.key)) is not None}


def put_back(raw: MemoryStore, objects: dict[str, bytes], prefix: str = "") -> None:
    """Make the store what it was, below a prefix: objects since then are gone."""
    for key in objects_of(raw):
        if key.startswith(prefix) and key not in objects:
            raw.delete(key)
    for key, data in objects.items():
        if key.startswith(prefix):
            raw.put(key, data)


def signed_before(document: object, place: str, keys: MasterKeys) -> bytes:
    """Return a document as earlier releases signed it for one place of the store."""
    bound = f"windlass signed document 1\n{place}\n{json.dumps(document, sort_keys=True)}".encode()
    return json.dumps({"document": document, "signature": sign(bound, keys)}, indent=1).encode()


class CountingStore(MemoryStore):
    """Counts what it is asked, and may be away for some of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.away = ""

    def _ask(self, what: str, key: str) -> None:
        self.asked[what] += 1
        if self.away and key.startswith(self.away):
            raise UnreachableError("the store is away")

    def get(self, key: str) -> Any:
        self._ask("get", key)
        return super().get(key)

    def create(self, key: str, data: bytes) -> str | None:
        self._ask("create", key)
        return super().create(key, data)

    def list(self, prefix: str) -> Iterator[Any]:
        found = list(super().list(prefix))
        self.asked["list"] += 1 + len(found) // 1000
        return iter(found)

    def list_names(self, prefix: str) -> tuple[str, ...]:
        found = super().list_names(prefix)
        self.asked["list"] += 1 + len(found) // 1000
        return found
