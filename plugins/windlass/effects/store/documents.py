"""Documents of the store: JSON that Windlass wrote, which somebody else may have changed since."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from windlass.domain.bounded import read_from
from windlass.effects.store.contract import Store

_Read = TypeVar("_Read")
_ADVICE = "put an earlier version of this object back, or delete it"


def document_at(store: Store, key: str, read: Callable[[Any], _Read]) -> _Read | None:
    """Return what `read` makes of the JSON at `key`; None if there is none, IntegrityError if it is of another form."""
    stored = store.get(key)
    if stored is None:
        return None
    with read_from(f"{key} in the store", _ADVICE):
        return read(json.loads(stored.data))


def text_at(store: Store, key: str) -> str | None:
    """Return the text at `key`; None if there is none, IntegrityError if it is no UTF-8."""
    stored = store.get(key)
    if stored is None:
        return None
    with read_from(f"{key} in the store", _ADVICE):
        return stored.data.decode()
