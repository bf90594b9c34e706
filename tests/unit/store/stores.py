"""Stores as tests of authenticated objects need them."""

from __future__ import annotations

import json

from windlass.domain.sealing import MasterKeys, new_master_key, sign
from windlass.effects.store import AuthenticatedStore, MemoryStore, Store


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
