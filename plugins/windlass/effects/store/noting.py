"""A store that keeps the summaries of clusters true: whatever is written through it, they show it.

It stands before another store and keeps the same contract, so that whoever writes a document knows nothing of it, and
no operation can forget it.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO

from windlass.domain.authenticity import kind_of
from windlass.domain.cluster_summary import brief_status
from windlass.domain.lease import Lease
from windlass.domain.remediation import History
from windlass.effects.store.contract import ListedObject, Store, Stored
from windlass.effects.store.keys import CLUSTERS, SPEC_MARKS, lease_key, spec_key
from windlass.effects.store.summarize import Summarizer
from windlass.errors import MALFORMED, WindlassError


@dataclass(frozen=True)
class NotingStore:
    """See Store for the contract; a summary that cannot be written fails nothing."""

    inner: Store
    summaries: Summarizer
    _said: dict[str, Hashable] = field(default_factory=dict)
    """What this process has written last of what is written often, as far as summaries show it."""

    def get(self, key: str) -> Stored | None:
        """See Store."""
        return self.inner.get(key)

    def put(self, key: str, data: bytes) -> str:
        """See Store."""
        tag = self.inner.put(key, data)
        self._note(key, data)
        return tag

    def create(self, key: str, data: bytes) -> str | None:
        """See Store."""
        tag = self.inner.create(key, data)
        if tag is not None:
            self._note(key, data)
        return tag

    def replace(self, key: str, data: bytes, tag: str) -> str | None:
        """See Store."""
        new = self.inner.replace(key, data, tag)
        if new is not None:
            self._note(key, data)
        return new

    def create_from(self, key: str, source: BinaryIO) -> bool:
        """See Store; what is written so are parts of bundles, which count once their manifest is there."""
        return self.inner.create_from(key, source)

    def open(self, key: str) -> AbstractContextManager[BinaryIO | None]:
        """See Store."""
        return self.inner.open(key)

    def delete(self, key: str) -> None:
        """See Store."""
        self.inner.delete(key)
        cluster = _cluster_of(key)
        if cluster and key == spec_key(cluster):
            self.summaries.changed(cluster)

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """See Store."""
        return self.inner.list(prefix)

    def list_names(self, prefix: str) -> tuple[str, ...]:
        """See Store."""
        return self.inner.list_names(prefix)

    def _note(self, key: str, data: bytes) -> None:
        if key.startswith(SPEC_MARKS):
            # It is written after the spec, and after the record that the cluster came up.
            self.summaries.changed(key.removeprefix(SPEC_MARKS))
        elif (cluster := _cluster_of(key)) and self._is_news(key, data):
            match kind_of(key):
                case "status":
                    self._observed(cluster, data)
                case "lease" | "backup-lease" | "drill-lease":
                    self._held(cluster, key, data)
                case _:
                    self.summaries.changed(cluster)

    def _held(self, cluster: str, key: str, data: bytes) -> None:
        lease = _lease(data)
        if lease is not None and lease.released:
            self.summaries.ended(cluster, lease.operation, (lease.heartbeat - lease.acquired).total_seconds())
        elif key == lease_key(cluster):
            self.summaries.begun(cluster)

    def _observed(self, cluster: str, data: bytes) -> None:
        try:
            brief = brief_status(json.loads(data))
        except MALFORMED:  # it says nothing, also to whoever reads it where it lies
            self.summaries.changed(cluster)
        else:
            self.summaries.observed(cluster, brief)

    def _is_news(self, key: str, data: bytes) -> bool:
        """Tell whether a summary shows what is in this object, and it says something else than before."""
        match kind_of(key):
            case "status" | "drills":
                return True
            case "bundles":
                return key.endswith("/manifest.json")
            case "lease" | "backup-lease" | "drill-lease" | "repairs" as kind:
                said = _shown(kind, data)
                return self._said.get(key, _NEVER) != said and not self._said.update({key: said})
            case _:
                return False


def noting_together(store: Store, seconds: float) -> Store:
    """Return a store whose summaries a thread writes, those of so many seconds together, for whoever writes much.

    One that notes nothing is returned as it is.
    """
    return NotingStore(store.inner, Summarizer(store.inner, seconds)) if isinstance(store, NotingStore) else store


_NEVER = object()


def _shown(kind: str, data: bytes) -> Hashable:
    """Return what a summary shows of an object that is written often; all of it if it cannot be read."""
    if kind != "repairs":
        lease = _lease(data)
        return data if lease is None else (lease.owner, lease.acquired, lease.released)
    try:
        return tuple(sorted(History.from_bytes(data).alerts.items()))
    except (WindlassError, *MALFORMED):
        return data


def _lease(data: bytes) -> Lease | None:
    try:
        return Lease.from_bytes(data)
    except WindlassError:
        return None


def _cluster_of(key: str) -> str:
    """Return the cluster that an object is of; empty if it is of none."""
    return key.split("/")[1] if key.startswith(CLUSTERS) else ""
