"""A store in memory, for tests; it keeps the contract of the one on S3."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO

from windlass.effects.store.contract import ListedObject, Stored


class MemoryStore:
    """Objects in a dictionary; safe for threads."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._modified: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> Stored | None:
        """See Store."""
        data = self._objects.get(key)
        return None if data is None else Stored(data, _tag(data))

    def put(self, key: str, data: bytes) -> str:
        """See Store."""
        with self._lock:
            self._write(key, data)
        return _tag(data)

    def create(self, key: str, data: bytes) -> str | None:
        """See Store."""
        with self._lock:
            if key in self._objects:
                return None
            self._write(key, data)
        return _tag(data)

    def replace(self, key: str, data: bytes, tag: str) -> str | None:
        """See Store."""
        with self._lock:
            if key not in self._objects or _tag(self._objects[key]) != tag:
                return None
            self._write(key, data)
        return _tag(data)

    def create_from(self, key: str, source: BinaryIO) -> bool:
        """See Store."""
        content = b"".join(iter(partial(source.read, 1024 * 1024), b""))
        return self.create(key, content) is not None

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO | None]:
        """See Store."""
        data = self._objects.get(key)
        yield None if data is None else io.BytesIO(data)

    def delete(self, key: str) -> None:
        """See Store."""
        with self._lock:
            self._objects.pop(key, None)

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """See Store."""
        with self._lock:
            found = sorted((key, data) for key, data in self._objects.items() if key.startswith(prefix))
            listed = [ListedObject(key, len(data), self._modified[key], _tag(data)) for key, data in found]
        yield from listed

    def _write(self, key: str, data: bytes) -> None:
        self._objects[key], self._modified[key] = data, datetime.now(UTC)

    def list_names(self, prefix: str) -> tuple[str, ...]:
        """See Store."""
        below = (item.key.removeprefix(prefix) for item in self.list(prefix))
        return tuple(sorted({f"{name}/" if slash else name for name, slash, _ in (b.partition("/") for b in below)}))


def _tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
