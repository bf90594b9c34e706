"""All clusters as lists show them: those that the user may see and has asked for, what needs somebody first."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from windlass.domain.catalog import Catalog
from windlass.domain.cluster_summary import Summary
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec.overview import Standing, glance, standing, summary_of
from windlass.domain.spec.rights import SEE, Person, may
from windlass.effects.store import Store
from windlass.effects.store.read_cluster import read_known
from windlass.effects.store.read_summaries import read_fleet
from windlass.errors import UNREADABLE, UnreachableError
from windlass.web.access import may_see, person_of

log = logging.getLogger(__name__)

MOST_SHOWN = 60
"""How many clusters a page shows at a time; whoever looks for others searches."""
_WORST_FIRST: tuple[Standing, ...] = (
    "needs help", "ill", "not watched", "repairing", "being created", "healthy"
)  # fmt: skip


@dataclass(frozen=True)
class Unreadable:
    """A cluster of which the store has something that cannot be read."""

    name: str
    error: str


@dataclass(frozen=True)
class Wanted:
    """Which clusters are asked for: by words in their names, hosts and versions, and by how they are."""

    q: str = ""
    standing: str = ""
    limit: Annotated[int | None, Query(ge=1, le=10_000)] = None
    offset: Annotated[int, Query(ge=0)] = 0

    def takes(self, one: Summary | Unreadable, standing: Standing | None) -> bool:
        """Say whether a cluster is one of them, which stands like this; None: it cannot be read."""
        if isinstance(one, Unreadable):
            return not self.standing and self.q.lower() in one.name.lower()
        words = [one.name, one.version, one.topology, *(f"{host.name} {host.address}" for host in one.hosts)]
        return self.standing in {"", standing} and self.q.lower() in " ".join(words).lower()


@dataclass(frozen=True)
class FleetView:
    """A part of the clusters that somebody may see."""

    shown: tuple[Summary | Unreadable, ...]
    found: int
    """How many were asked for."""
    by_standing: dict[str, int]
    """How many there are in all, by how they are."""


def visible_clusters(store: Store, user: Any, keys: MasterKeys | None) -> tuple[Summary | Unreadable, ...]:
    """Return every cluster that the user may see; UnreachableError if the store is away.

    One without a summary, or with an old one, is read from its own objects.
    """
    fleet, person = read_fleet(store), person_of(user)
    seen: list[Summary | Unreadable] = [one for one in fleet.summaries if _lets_see(one, person)]
    return (*seen, *_read_one_by_one(store, fleet.others, user, keys))


def view(clusters: tuple[Summary | Unreadable, ...], wanted: Wanted, now: datetime) -> FleetView:
    """Return what was asked for, what needs somebody first."""
    stand = [(one, standing(one, now) if isinstance(one, Summary) else None) for one in clusters]
    by_standing = Counter[str](how for _, how in stand if how is not None)
    found = [one for one, _ in sorted((pair for pair in stand if wanted.takes(*pair)), key=_order)]
    until = None if wanted.limit is None else wanted.offset + wanted.limit
    return FleetView(tuple(found[wanted.offset : until]), len(found), by_standing)


def shown_values(view: FleetView, catalog: Catalog, now: datetime) -> list[dict[str, Any]]:
    """Return the clusters of a view as plain values."""
    return [
        {"name": one.name, "error": one.error} if isinstance(one, Unreadable) else glance(one, catalog, now)
        for one in view.shown
    ]


def _lets_see(one: Summary, person: Person) -> bool:
    return may(one.access, person, SEE) is not False


def _order(pair: tuple[Summary | Unreadable, Standing | None]) -> tuple[int, str]:
    one, how = pair
    return (-1 if how is None else _WORST_FIRST.index(how), one.name)


def _read_one_by_one(
    store: Store, names: tuple[str, ...], user: Any, keys: MasterKeys | None
) -> Iterator[Summary | Unreadable]:
    for name in names:
        try:
            if not may_see(store, name, user):
                continue
            known = read_known(store, name, keys)
            if known is not None:
                # What cannot be summed up cannot be shown either.
                yield Summary.of(name, summary_of(known).value())
        except UnreachableError:
            raise
        except UNREADABLE as error:
            log.warning("%s: what the store has of it cannot be shown: %s", name, error)
            yield Unreadable(name, str(error))
