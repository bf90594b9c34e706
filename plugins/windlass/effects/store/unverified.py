"""A store as it is shown where there is no key to check it by: on Airflow's pages, and nowhere that acts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

from windlass.domain.authenticity import READING_KEY_CONNECTION, place_of, read_unverified
from windlass.effects.store.contract import ListedObject, Store, Stored
from windlass.errors import RefusedError


@dataclass(frozen=True)
class UnverifiedStore:
    """Reads what is not sealed, and writes nothing. See Store for the contract."""

    inner: Store

    def get(self, key: str) -> Stored | None:
        """See Store; IntegrityError if the object is sealed."""
        place, stored = place_of(key), self.inner.get(key)
        if place is None or stored is None:
            return stored
        return Stored(read_unverified(stored.data, place), stored.tag)

    def put(self, key: str, data: bytes) -> str:  # noqa: ARG002
        """See Store; RefusedError always."""
        self._refuse(key)

    def create(self, key: str, data: bytes) -> str | None:  # noqa: ARG002
        """See Store; RefusedError always."""
        self._refuse(key)

    def replace(self, key: str, data: bytes, tag: str) -> str | None:  # noqa: ARG002
        """See Store; RefusedError always."""
        self._refuse(key)

    def create_from(self, key: str, source: BinaryIO) -> bool:  # noqa: ARG002
        """See Store; RefusedError always."""
        self._refuse(key)

    def open(self, key: str) -> AbstractContextManager[BinaryIO | None]:
        """See Store."""
        return self.inner.open(key)

    def delete(self, key: str) -> None:
        """See Store; RefusedError always."""
        self._refuse(key)

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """See Store."""
        return self.inner.list(prefix)

    def list_names(self, prefix: str) -> tuple[str, ...]:
        """See Store."""
        return self.inner.list_names(prefix)

    def _refuse(self, key: str) -> NoReturn:
        raise RefusedError(f"{key}: the store is only shown here, without a master key or a `{READING_KEY_CONNECTION}`")
