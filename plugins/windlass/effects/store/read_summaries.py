"""All clusters in few requests: their summaries, where these are of what the store has now."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

from windlass.domain.cluster_summary import Summary
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import CLUSTERS, SPEC_MARKS, summaries_key
from windlass.effects.store.summaries import OBJECTS, Entry, entries_in
from windlass.effects.threads import worker_threads
from windlass.errors import MALFORMED, IntegrityError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KnownFleet:
    """What is known of all clusters at a glance."""

    summaries: tuple[Summary, ...]
    others: tuple[str, ...]
    """Names of which there is no summary, or an old one: only their own objects tell, also whether they are there."""


def read_fleet(store: Store) -> KnownFleet:
    """Return the summaries of all clusters, by a dozen requests for each thousand.

    One counts only if it was made of the spec that is there, by its mark. UnreachableError if the store is away.
    """
    with worker_threads(OBJECTS + 2, "windlass-summaries") as pool:
        # In any order: a summary and a mark that were not there together differ.
        listed, marked = pool.submit(_names, store), pool.submit(_marks, store)
        pages = list(pool.map(partial(_read_page, store), range(OBJECTS)))
        names, marks = listed.result(), marked.result()
    entries = {name: entry for page in pages for name, entry in page.items()}
    summaries, others = [], []
    for name in names:
        entry, mark = entries.get(name, _Summarized()), marks.get(name)
        if entry is None and mark is None:
            continue  # it was deleted
        if entry is None or entry.summary is None or mark is None or entry.mark != mark:
            others.append(name)
        else:
            summaries.append(entry.summary)
    return KnownFleet(tuple(summaries), tuple(others))


@dataclass(frozen=True)
class _Summarized:
    """What an object has of a cluster: nothing, if it cannot be read."""

    mark: str | None = None
    summary: Summary | None = None


_Page = Mapping[str, _Summarized | None]
"""What one object has of its clusters; None of one that was deleted."""


def _names(store: Store) -> list[str]:
    return [name.removesuffix("/") for name in store.list_names(CLUSTERS) if name.endswith("/")]


def _marks(store: Store) -> dict[str, str]:
    return {item.key.removeprefix(SPEC_MARKS): item.tag for item in store.list(SPEC_MARKS)}


def _read_page(store: Store, number: int) -> _Page:
    try:
        stored = store.get(summaries_key(number))
        return {} if stored is None else _page(stored.data, number)
    except IntegrityError as error:
        log.warning("clusters are read one by one: %s", error)
        return {}


@lru_cache(maxsize=OBJECTS)
def _page(data: bytes, number: int) -> _Page:
    """Read the content of an object, which most views find as the one before did: so each content is read once.

    To read those of a thousand clusters takes a tenth of a second. Nothing in the result may be changed.
    """
    return {
        name: None if entry is None else _Summarized(entry.get("mark"), _summary(name, entry))
        for name, entry in entries_in(data, number).items()
    }


def _summary(name: str, entry: Entry) -> Summary | None:
    if entry.get("mark") is None:
        return None  # its objects could not be read
    try:
        return Summary.of(name, entry)
    except (IntegrityError, *MALFORMED) as error:
        log.warning("%s: its summary is not readable: %r", name, error)
        return None
