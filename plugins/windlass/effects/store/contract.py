"""What a store can do, whatever holds it; the tests hold the S3 store and the one in memory to the same cases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class Stored:
    """An object as it was read: its content, and the tag by which a later write knows it unchanged."""

    data: bytes = field(repr=False)
    tag: str


@dataclass(frozen=True)
class ListedObject:
    """An object as a listing shows it."""

    key: str
    size: int
    modified: datetime
    tag: str


class Store(Protocol):
    """Objects by key (below the store's prefix), with the conditional writes that leases are made of.

    Every method raises UnreachableError where the store does not answer and RefusedError where it denies; what a
    write that ended so did is unknown: look again before acting.
    """

    def get(self, key: str) -> Stored | None:
        """Return the object, or None if there is none; IntegrityError if it is too large to be read whole."""

    def put(self, key: str, data: bytes) -> str:
        """Write the object, whatever was there; return its tag."""

    def create(self, key: str, data: bytes) -> str | None:
        """Write the object if there is none, and return its tag; None if there is one."""

    def replace(self, key: str, data: bytes, tag: str) -> str | None:
        """Write the object if it still has `tag`, and return its new one; None if it changed or is gone."""

    def create_from(self, key: str, source: BinaryIO) -> bool:
        """Write all of `source` (from its position) as a new object with flat memory; False if there is one."""

    def open(self, key: str) -> AbstractContextManager[BinaryIO | None]:
        """Read the object as a stream with flat memory; None if there is none."""

    def delete(self, key: str) -> None:
        """Remove the object; no error if there is none."""

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """Yield what is below `prefix`, sorted by key."""

    def list_names(self, prefix: str) -> tuple[str, ...]:
        """Return what is directly below `prefix` (which ends with `/`), sorted: names, those of folders with `/`."""
