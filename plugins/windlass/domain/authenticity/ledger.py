"""The ledger of a cluster, or of the catalog: the generation of each guarded object, so that an older one is noticed.

An object is written before the ledger and removed after it. So an object may be newer than the ledger says, where a
writer died between the two, and is never older.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from windlass.domain.authenticity.place import Place
from windlass.domain.host.layout import SEALED_PKI
from windlass.errors import IntegrityError, LostObjectError
from windlass.operation_names import Operation

PKI_KIND = "pki"


@dataclass(frozen=True)
class LedgerEntry:
    """What the ledger has of one object."""

    generation: int
    is_gone: bool = False
    """It was removed, after this generation of it."""


@dataclass(frozen=True)
class Ledger:
    """The objects of one cluster, or of the catalog, by key."""

    entries: Mapping[str, LedgerEntry] = field(default_factory=dict)

    @classmethod
    def of(cls, data: bytes) -> Ledger:
        """Read what `to_bytes` wrote."""
        return cls({key: LedgerEntry(**value) for key, value in json.loads(data).items()})

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        return json.dumps({key: entry.__dict__ for key, entry in sorted(self.entries.items())}, indent=1).encode()

    def generation(self, key: str) -> int:
        """Return the newest generation of an object that is known; 0 if none is."""
        entry = self.entries.get(key)
        return 0 if entry is None else entry.generation

    def is_gone(self, key: str, generation: int) -> bool:
        """Tell whether this generation of an object is one that was removed."""
        entry = self.entries.get(key)
        return entry is not None and entry.is_gone and generation <= entry.generation

    def living(self, prefix: str) -> frozenset[str]:
        """Return the keys below `prefix` (or that key) of objects that are to be there."""
        return frozenset(key for key, entry in self.entries.items() if key.startswith(prefix) and not entry.is_gone)

    @property
    def newest(self) -> int:
        """The newest generation of all objects; 0 if there are none."""
        return max((entry.generation for entry in self.entries.values()), default=0)

    def with_written(self, key: str, generation: int) -> Ledger:
        """Return the ledger after a write; one of before another changes nothing."""
        if generation < self.generation(key):
            return self
        return replace(self, entries={**self.entries, key: LedgerEntry(generation)})

    def with_removed(self, key: str, generation: int = 0) -> Ledger:
        """Return the ledger before a removal: of the generation that it knows, or of this later one."""
        entry = LedgerEntry(max(self.generation(key), generation), is_gone=True)
        return replace(self, entries={**self.entries, key: entry})

    def check(self, place: Place, generation: int | None) -> None:
        """IntegrityError unless an object may be of this generation; None if there is no object."""
        entry = self.entries.get(place.key)
        if entry is None or entry.is_gone:
            return
        if generation is None:
            raise LostObjectError(f"{place}: it is gone, and Windlass did not remove it; {_way_out(place)}")
        if generation < entry.generation:
            raise IntegrityError(
                f"{place}: an older one was put back: it is of {moment_of(generation)}, and the last one of "
                f"{moment_of(entry.generation)}; {_way_out(place)}"
            )


def next_generation(now: datetime, known: int) -> int:
    """Return the generation of what is written at `now`, where `known` is the last one that is known."""
    return max(int(now.timestamp() * 1000), known + 1)


def moment_of(generation: int) -> str:
    """Return a generation as the time that it is."""
    return datetime.fromtimestamp(generation / 1000, UTC).isoformat(timespec="milliseconds")


def _way_out(place: Place) -> str:
    back = "put its last version back (versions of the bucket)"
    if place.kind == PKI_KIND:
        back += (
            f", or bring it back with `windlass store restore-pki {place.cluster} FILE` from {SEALED_PKI} of a "
            f"control-plane host, or from a bundle with `{Operation.RECOVER}`"
        )
    return f"{back}; if it is meant so, `{place.accepting}`"
