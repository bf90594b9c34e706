"""The id of a store: every object carries it, so that nothing of another installation's store is taken for its own."""

from __future__ import annotations

import uuid

from windlass.domain.authenticity import Authenticated, Place, RecordKeys, is_of_before, open_envelope
from windlass.domain.authenticity.place import ACCEPTED, CLUSTERS, INSTALLATION, PUBLISHED
from windlass.effects.store.conditions import check_conditions
from windlass.effects.store.contract import Store
from windlass.errors import IntegrityError, NotReadyError, RefusedError

PLACE = Place("", "installation", INSTALLATION)


def installation_of(store: Store, keys: RecordKeys, generation: int) -> str:
    """Return the id of a store, made if the store is a new one; RefusedError if it was in use without one.

    NotReadyError if it is a new one, and these keys sign nothing: whoever is the first to write makes it.
    """
    found = read_installation(store, keys)
    if found is None:
        if before := first_of_before(store):
            raise RefusedError(
                f"the store has no {INSTALLATION}, and yet {before}: it was used by a Windlass that signed nothing (or "
                f"{INSTALLATION} was deleted: then put it back). Bring it over once with `windlass store sign`, which "
                "lists what it accepts"
            )
        if not keys.signs:
            raise NotReadyError("the store is a new one: nothing was written to it yet")
        found = make_installation(store, keys, uuid.uuid4().hex, generation)
        try:
            check_conditions(store, INSTALLATION)
        except RefusedError:
            store.delete(INSTALLATION)  # or the next run would take the store for one that was tried
            raise
    return found


def read_installation(store: Store, keys: RecordKeys) -> str | None:
    """Return the id of a store; None if it has none."""
    stored = store.get(INSTALLATION)
    if stored is None:
        return None
    found = open_envelope(stored.data, PLACE, keys, None)
    if found.body.decode(errors="replace") != found.installation:
        raise IntegrityError(f"{PLACE}: it says two ids; put its last version back")
    return found.installation


def make_installation(store: Store, keys: RecordKeys, wished: str, generation: int) -> str:
    """Give the store this id, and return the one that it has: whoever was first counts."""
    store.create(INSTALLATION, Authenticated.at(PLACE, wished, generation, wished.encode()).to_bytes(PLACE, keys))
    found = read_installation(store, keys)
    if found is None:
        raise RefusedError(f"the store does not keep {INSTALLATION}; look at its rights")
    return found


def first_of_before(store: Store) -> str:
    """Return the key of an object that shows that the store was in use; empty if there is none."""
    for name in store.list_names(CLUSTERS):
        for below in store.list_names(f"{CLUSTERS}{name}") if name.endswith("/") else ():
            if is_of_before(f"{CLUSTERS}{name}{below}"):
                return f"{CLUSTERS}{name}{below}"
    return next((item.key for folder in (PUBLISHED, ACCEPTED) for item in store.list(folder)), "")
