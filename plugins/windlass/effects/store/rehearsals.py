"""The record of the last rehearsal of an upgrade to each release."""

from __future__ import annotations

from windlass.domain.rollout.rehearsal_record import RehearsalRecord, parse_rehearsal
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import rehearsal_key


def save_rehearsal(store: Store, record: RehearsalRecord) -> None:
    """Store a record in the place of the one before it."""
    store.put(rehearsal_key(record.cluster, record.target), record.to_bytes())


def last_rehearsal(store: Store, cluster: str, target: str) -> RehearsalRecord | None:
    """Return the last record; None if there is none. IntegrityError if it is not readable."""
    found = store.get(rehearsal_key(cluster, target))
    return None if found is None else parse_rehearsal(found.data, cluster, target)
