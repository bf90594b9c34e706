"""All clusters in few requests: their summaries, where these are of what the store has now."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from windlass.domain.cluster_summary import Summary
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import CLUSTERS, SPEC_MARKS
from windlass.effects.store.summaries import OBJECTS, Entry, SummaryObjects
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
    names = [name.removesuffix("/") for name in store.list_names(CLUSTERS) if name.endswith("/")]
    marks = {item.key.removeprefix(SPEC_MARKS): item.tag for item in store.list(SPEC_MARKS)}
    entries = _entries(store)
    summaries, others = [], []
    for name in names:
        if entries.get(name, _NO_ENTRY) is None and name not in marks:
            continue  # it was deleted
        summary = _summary(name, entries.get(name), marks.get(name))
        if summary is None:
            others.append(name)
        else:
            summaries.append(summary)
    return KnownFleet(tuple(summaries), tuple(others))


_NO_ENTRY: Entry = {}


def _entries(store: Store) -> Mapping[str, Entry | None]:
    objects = SummaryObjects(store)

    def read(number: int) -> Mapping[str, Entry | None]:
        try:
            return objects.read(number)
        except IntegrityError as error:
            log.warning("clusters are read one by one: %s", error)
            return {}

    found: dict[str, Entry | None] = {}
    with worker_threads(OBJECTS, "windlass-summaries") as pool:
        for entries in pool.map(read, range(OBJECTS)):
            found |= entries
    return found


def _summary(name: str, entry: Entry | None, mark: str | None) -> Summary | None:
    if not entry or mark is None or entry.get("mark") != mark:
        return None
    try:
        return Summary.of(name, entry)
    except (IntegrityError, *MALFORMED) as error:
        log.warning("%s: its summary is not readable: %r", name, error)
        return None
