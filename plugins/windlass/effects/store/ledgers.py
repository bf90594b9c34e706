"""The ledgers of a store, its clusters' and its catalog's, each one object that is changed by conditional writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from windlass.domain.authenticity import Authenticated, Ledger, Place, RecordKeys, open_envelope
from windlass.domain.authenticity.ledger import next_generation
from windlass.domain.authenticity.place import ledger_place
from windlass.domain.bounded import read_from
from windlass.effects.store.contract import Store
from windlass.errors import IntegrityError, NotReadyError

_ROUNDS = 50
"""Each lost round means that another writer won one."""


@dataclass(frozen=True)
class _Page:
    """A ledger as it was last read or written."""

    ledger: Ledger
    generation: int
    tag: str


@dataclass(frozen=True)
class Ledgers:
    """Ledgers are kept once read: an old one refuses less, and never what is right. The catalog's is of no cluster."""

    store: Store
    keys: RecordKeys = field(repr=False)
    installation: Callable[[], str]
    """Gives the id of the store, which a new one has not until something is written."""
    now: Callable[[], datetime]
    _pages: dict[str, _Page] = field(default_factory=dict)

    def read(self, cluster: str, *, is_fresh: bool = False) -> Ledger | None:
        """Return the ledger of a cluster as it was last read, or is now; None if it has none."""
        page = self._pages.get(cluster)
        if page is None or is_fresh:
            page = self._fetch(cluster)
        return None if page is None else page.ledger

    def generation(self, cluster: str) -> int:
        """Return the generation of a ledger itself, as it was last read, which grows with each change; 0: none."""
        return 0 if self.read(cluster) is None else self._pages[cluster].generation

    def begun(self, cluster: str) -> Ledger:
        """Return the ledger of a cluster, begun if there is none: it is there before anything that it guards."""
        for _ in range(_ROUNDS):
            page = self._pages.get(cluster) or self._fetch(cluster)
            if page is not None:
                return page.ledger
            self._save(cluster, Ledger(), None)
        raise _contended(cluster)

    def record(self, place: Place, generation: int) -> bool:
        """Write down a generation that was written; False if another writer has written a newer one since."""
        won = True

        def change(ledger: Ledger) -> Ledger:
            nonlocal won
            won = ledger.generation(place.key) < generation
            return ledger.with_written(place.key, generation)

        self._change(place.cluster, change)
        return won

    def remove(self, place: Place) -> None:
        """Write down that an object is removed; nothing if it is gone already, or never was."""
        if self.read(place.cluster) is not None:
            self._change(
                place.cluster, lambda one: one.with_removed(place.key) if place.key in one.living(place.key) else one
            )

    def _change(self, cluster: str, change: Callable[[Ledger], Ledger]) -> None:
        for _ in range(_ROUNDS):
            page = self._pages.get(cluster) or self._fetch(cluster)
            if page is None:
                raise IntegrityError(f"{ledger_place(cluster)}: it is gone while it was written to; put it back")
            changed = change(page.ledger)
            if changed == page.ledger or self._save(cluster, changed, page):
                return
            self._fetch(cluster)
        raise _contended(cluster)

    def _fetch(self, cluster: str) -> _Page | None:
        place, before = ledger_place(cluster), self._pages.get(cluster)
        stored = self.store.get(place.key)
        if stored is None:
            if before is not None:
                raise IntegrityError(f"{place}: it is gone, and Windlass did not remove it; put its last version back")
            return None
        found = open_envelope(stored.data, place, self.keys, self.installation())
        if before is not None and found.generation < before.generation:
            raise IntegrityError(f"{place}: an older one was put back; put its last version back")
        with read_from(str(place), "put an earlier version of this object back"):
            page = _Page(Ledger.of(found.body), found.generation, stored.tag)
        self._pages[cluster] = page
        return page

    def _save(self, cluster: str, ledger: Ledger, before: _Page | None) -> bool:
        place = ledger_place(cluster)
        generation = next_generation(self.now(), before.generation if before else 0)
        data = Authenticated.at(place, self.installation(), generation, ledger.to_bytes()).to_bytes(place, self.keys)
        tag = self.store.create(place.key, data) if before is None else self.store.replace(place.key, data, before.tag)
        if tag is not None:
            self._pages[cluster] = _Page(ledger, generation, tag)
        return tag is not None


def _contended(cluster: str) -> NotReadyError:
    return NotReadyError(f"{ledger_place(cluster)}: others changed it {_ROUNDS} times at the same moment")
