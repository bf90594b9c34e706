"""A store that a run writes to only as long as it may change anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from windlass.domain.authenticity import KnownStore
from windlass.effects.store.authenticated import AuthenticatedStore
from windlass.effects.store.contract import ListedObject, Store, Stored


@dataclass(frozen=True)
class GuardedStore:
    """See `Store`; `check` is called before each write, and raises what keeps it from being made."""

    inner: Store
    check: Callable[[], None]

    def get(self, key: str) -> Stored | None:
        """Return the object; see `Store.get`."""
        return self.inner.get(key)

    def put(self, key: str, data: bytes) -> str:
        """Write the object, whatever was there; see `Store.put`."""
        self.check()
        return self.inner.put(key, data)

    def create(self, key: str, data: bytes) -> str | None:
        """Write the object if there is none; see `Store.create`."""
        self.check()
        return self.inner.create(key, data)

    def replace(self, key: str, data: bytes, tag: str) -> str | None:
        """Write the object if it still has `tag`; see `Store.replace`."""
        self.check()
        return self.inner.replace(key, data, tag)

    def create_from(self, key: str, source: BinaryIO) -> bool:
        """Write all of `source` as a new object; see `Store.create_from`."""
        self.check()
        return self.inner.create_from(key, source)

    def open(self, key: str) -> AbstractContextManager[BinaryIO | None]:
        """Read the object as a stream; see `Store.open`."""
        return self.inner.open(key)

    def delete(self, key: str) -> None:
        """Remove the object; see `Store.delete`."""
        self.check()
        self.inner.delete(key)

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """Yield what is below `prefix`; see `Store.list`."""
        return self.inner.list(prefix)

    def list_names(self, prefix: str) -> tuple[str, ...]:
        """Return what is directly below `prefix`; see `Store.list_names`."""
        return self.inner.list_names(prefix)


def known_store(store: Store, cluster: str, *, is_fresh: bool = False) -> KnownStore | None:
    """Return what hosts of a cluster are compared with, also where a lease guards the store.

    None where the store authenticates nothing.
    """
    authenticated = _authenticated(store)
    return None if authenticated is None else authenticated.known(cluster, is_fresh=is_fresh)


def is_authenticated(store: Store) -> bool:
    """Tell whether what the store gives is what Windlass wrote there, whatever stands before it."""
    return _authenticated(store) is not None


def _authenticated(store: Store | None) -> AuthenticatedStore | None:
    while store is not None and not isinstance(store, AuthenticatedStore):
        store = getattr(store, "inner", None)
    return store
