"""The service log of a cluster in the store: written once, never changed, read from the newest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from windlass.domain.servicelog import Event, event_name
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import log_prefix


@dataclass(frozen=True)
class ServiceLog:
    """The service log of one cluster."""

    store: Store
    cluster: str

    def append(self, event: Event, writer: str) -> str:
        """Write `event`, and return its key. The same event by the same writer is written once, however often asked."""
        for sequence in itertools.count():
            key = log_prefix(self.cluster) + event_name(event, writer, sequence)
            if self.store.create(key, event.to_bytes()) is not None:
                return key
            there = self.store.get(key)
            if there is not None and there.data == event.to_bytes():
                return key
        raise AssertionError("itertools.count never ends")

    def newest(self, limit: int = 100) -> tuple[Event, ...]:
        """Return the newest `limit` events, newest first."""
        return tuple(itertools.islice(self.events(), limit))

    def events(self) -> Iterator[Event]:
        """Yield all events, newest first; days are listed only as far as one reads."""
        return (event for _, event in self.entries())

    def entries(self, after: str = "") -> Iterator[tuple[str, Event]]:
        """Yield all events with their names, newest first; only those that were written `after` the name given.

        A name sorts by the time of its event: one that was written late with an earlier time is not seen as new.
        """
        prefix = log_prefix(self.cluster)
        for day in self._days():
            if after and day.removeprefix(prefix) < after[: len("YYYY/MM/DD")]:
                return
            for item in sorted(self.store.list(day), key=lambda item: item.key, reverse=True):
                name = item.key.removeprefix(prefix)
                if after and name <= after:
                    return
                stored = self.store.get(item.key)
                if stored is not None:
                    yield name, Event.from_bytes(stored.data)

    def _days(self) -> Iterator[str]:
        folders: Iterator[str] = iter([log_prefix(self.cluster)])
        for _ in ("year", "month", "day"):
            folders = self._below(folders)
        return folders

    def _below(self, folders: Iterator[str]) -> Iterator[str]:
        for folder in folders:
            yield from (folder + name for name in reversed(self.store.list_names(folder)))
