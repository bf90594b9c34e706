"""Which text of which file a cluster was brought to last, for clusters that follow files."""

from __future__ import annotations

import json

from windlass.domain.sync import Followed
from windlass.effects.store.contract import Store
from windlass.effects.store.documents import document_at
from windlass.effects.store.keys import followed_key


def read_followed(store: Store, cluster: str) -> Followed | None:
    """Return it; None if the cluster follows no file."""
    return document_at(store, followed_key(cluster), Followed.of)


def save_followed(store: Store, cluster: str, followed: Followed) -> None:
    """Store it."""
    store.put(followed_key(cluster), json.dumps(followed.value(), indent=1).encode())
