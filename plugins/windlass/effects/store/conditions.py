"""Whether a server really writes on conditions, which leases are made of: some answer well and write all the same."""

from __future__ import annotations

from windlass.effects.store.contract import Store
from windlass.effects.store.failures import CONDITIONS
from windlass.errors import RefusedError

_NO_TAG = '"00000000000000000000000000000000"'


def check_conditions(store: Store, key: str) -> None:
    """RefusedError names each condition that the server of `store` does not keep.

    It is tried by the object at `key`, which is written as it is, if at all; where there is none, nothing is found out.
    """
    found = store.get(key)
    if found is None:
        return
    wrong = []
    if store.create(key, found.data) is not None:
        wrong.append("overwrites an object that is to be created (it ignores If-None-Match)")
    if store.replace(key, found.data, _NO_TAG) is not None:
        wrong.append("overwrites an object that is another by now (it ignores If-Match)")
    if not wrong and store.replace(key, found.data, found.tag) is None:
        wrong.append("does not replace an object that is as it was read (it knows its own ETag no more)")
    if wrong:
        raise RefusedError(f"the store's server {'; it '.join(wrong)}; {CONDITIONS}")
