"""The summaries of all clusters, in few objects: what lists and metrics are made of, in as many requests.

They decide nothing. Each is written again from the cluster's own objects when one of these changes, and by the watch in
turn, so that one that could not be written is not wrong for long.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.bounded import read_from
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import summaries_key
from windlass.errors import IntegrityError, NotReadyError

OBJECTS = 8
"""Over how many objects the clusters are spread: few to read, and enough that writers seldom meet."""
_ROUNDS = 20
_ADVICE = "delete it: the watch and the next operations write it again"

Entry = Mapping[str, Any]
"""The summary of one cluster as plain values; None in its place says that the cluster was deleted."""
Entries = Mapping[str, Entry | None]


def object_of(cluster: str) -> int:
    """Return the number of the object that has a cluster's summary."""
    return int.from_bytes(hashlib.sha256(cluster.encode()).digest()[:4], "big") % OBJECTS


def entries_in(data: bytes, number: int) -> Entries:
    """Return the summaries in the content of an object; IntegrityError if it is not what Windlass wrote."""
    with read_from(f"{summaries_key(number)} in the store", _ADVICE):
        return dict(json.loads(zlib.decompress(data))["clusters"])


@dataclass(frozen=True)
class _Page:
    entries: Entries
    tag: str | None
    """None where the object is not there."""


@dataclass(frozen=True)
class SummaryObjects:
    """The objects as one process reads and writes them; it knows them as it last saw them."""

    store: Store
    _pages: dict[int, _Page] = field(default_factory=dict)

    def read(self, number: int) -> Entries:
        """Return the summaries in an object as they are now; none of one that is not there.

        IntegrityError if it is not what Windlass wrote.
        """
        page = self._pages[number] = self._fetch(number)
        return page.entries

    def known(self, cluster: str) -> Entry | None:
        """Return a cluster's summary as it was last seen here; None if there is none."""
        number = object_of(cluster)
        if number not in self._pages:
            self._read_or_drop(number)
        return self._pages[number].entries.get(cluster)

    def change(self, clusters: Iterable[str], change: Callable[[str, Entry | None], Entry | None]) -> None:
        """Have the summaries of clusters be what `change` makes of them, which may be asked more than once."""
        by_number: dict[int, list[str]] = {}
        for cluster in sorted(clusters):
            by_number.setdefault(object_of(cluster), []).append(cluster)
        for number, names in by_number.items():
            self._change(number, names, change)

    def _change(self, number: int, names: list[str], change: Callable[[str, Entry | None], Entry | None]) -> None:
        for _ in range(_ROUNDS):
            if number not in self._pages:
                self._read_or_drop(number)
            page = self._pages[number]
            changed = {**page.entries, **{name: change(name, page.entries.get(name)) for name in names}}
            if changed == page.entries or self._write(number, changed, page.tag):
                return
            del self._pages[number]
        raise NotReadyError(f"{summaries_key(number)} in the store: others changed it {_ROUNDS} times meanwhile")

    def _read_or_drop(self, number: int) -> None:
        """Read an object before it is written; one that Windlass did not write makes way for the next."""
        try:
            self.read(number)
        except IntegrityError:
            self.store.delete(summaries_key(number))
            self._pages[number] = _Page({}, None)

    def _fetch(self, number: int) -> _Page:
        stored = self.store.get(summaries_key(number))
        return _Page({}, None) if stored is None else _Page(entries_in(stored.data, number), stored.tag)

    def _write(self, number: int, entries: Entries, tag: str | None) -> bool:
        key, data = summaries_key(number), zlib.compress(json.dumps({"clusters": entries}).encode(), 3)
        written = self.store.create(key, data) if tag is None else self.store.replace(key, data, tag)
        if written is not None:
            self._pages[number] = _Page(entries, written)
        return written is not None
