"""Whether a bucket can be Windlass's store: what the button beside its connection asks."""

from __future__ import annotations

import uuid

from windlass.effects.store.conditions import check_conditions
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import CLUSTERS


def try_store(store: Store) -> str:
    """Read, write on conditions and delete in a bucket; return in a sentence what was found.

    UnreachableError or RefusedError says what does not work; RefusedError also where the server ignores conditions.
    """
    known = len(store.list_names(CLUSTERS))
    key = f"connection-test/{uuid.uuid4().hex}"
    store.create(key, b"windlass")
    try:
        check_conditions(store, key)
    finally:
        store.delete(key)
    return f"it can be read and written, on conditions too; clusters in it: {known}"
