"""Read from the store what is known of clusters; nothing is asked of any host."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from windlass.domain.backup.drills import bundle_of_drill, parse_drill
from windlass.domain.backup.ids import BundleId
from windlass.domain.lease import Lease
from windlass.domain.sealing import MasterKeys
from windlass.domain.servicelog import Event
from windlass.domain.spec import load_cluster
from windlass.domain.spec.overview import Backups, KnownCluster
from windlass.effects.store import AuthenticatedStore, ClusterRecords, ServiceLog, Store
from windlass.effects.store.keys import bundles_prefix, cluster_prefix, lease_key
from windlass.errors import IntegrityError

_MANIFEST = "/manifest.json"


@dataclass(frozen=True)
class Filter:
    """Which events of a service log are wanted."""

    level: str = ""
    host: str = ""
    component: str = ""
    text: str = ""

    def takes(self, event: Event) -> bool:
        """Say whether it is one of them; `warning` takes errors too."""
        levels = {"error": {"error"}, "warning": {"warning", "error"}}.get(self.level)
        return (
            (levels is None or event.level in levels)
            and self.host in {"", event.host}
            and self.component in {"", event.component}
            and self.text.lower() in f"{event.text} {event.reason} {event.operation}".lower()
        )


def read_known(store: Store, name: str, keys: MasterKeys | None) -> KnownCluster | None:
    """Return what the store knows of a cluster; None if it knows none of that name."""
    records = ClusterRecords(store, name)
    text = records.spec()
    if text is None:
        return None
    stored = store.get(lease_key(name))
    lease = None if stored is None else Lease.from_bytes(stored.data)
    return KnownCluster(
        cluster=load_cluster(text, f"stored spec of {name}"),
        status=records.status() or {},
        lease=None if lease is None or lease.released else lease,
        alerts=records.repairs().alerts,
        backups=read_backups(store, name, keys),
        is_created=records.created() is not None,
    )


def read_backups(store: Store, name: str, keys: MasterKeys | None) -> Backups:
    """Return the committed bundles, newest first; what drills say counts where `keys` or the store check it."""
    prefix = bundles_prefix(name)
    names = (
        one.key.removeprefix(prefix).removesuffix(_MANIFEST) for one in store.list(prefix) if _is_manifest(one.key)
    )
    bundles = sorted(filter(None, map(BundleId.find, names)), reverse=True)
    proven: dict[str, bool] = {}
    for bundle, key in _drills(store, name):
        if str(bundle) not in proven and (verdict := _is_proof(store, name, key, keys)) is not None:
            proven[str(bundle)] = verdict
    return Backups(tuple(bundles), proven)


def _is_manifest(key: str) -> bool:
    return key.endswith(_MANIFEST)


def _drills(store: Store, name: str) -> Iterator[tuple[BundleId, str]]:
    """Yield the bundle and the key of each drill's record, newest first."""
    prefix = f"{cluster_prefix(name)}drills/"
    for item in sorted(store.list(prefix), key=lambda one: one.key, reverse=True):
        bundle = bundle_of_drill(item.key.removeprefix(prefix))
        if bundle is not None:
            yield bundle, item.key


def _is_proof(store: Store, name: str, key: str, keys: MasterKeys | None) -> bool | None:
    if keys is None and not isinstance(store, AuthenticatedStore):
        return None
    try:
        stored = store.get(key)
        if stored is None:
            return None
        record = parse_drill(stored.data, keys, name, key.rpartition("/")[2].removesuffix(".json"))
    except IntegrityError:
        return None
    return record.is_proof if record.is_proof or record.disproves else None


def read_log(store: Store, name: str, desired: Filter, limit: int, after: str = "") -> list[dict[str, Any]]:
    """Return events as plain values, newest first: those written after the one of that name, or the newest."""
    entries = ServiceLog(store, name).entries(after)
    # Filters look at a bounded part of the log: a page must not read years of it.
    taken = (entry for entry in itertools.islice(entries, max(limit * 5, 200)) if desired.takes(entry[1]))
    return [event_values(key, event) for key, event in itertools.islice(taken, limit)]


def event_values(name: str, event: Event) -> dict[str, Any]:
    """Return an event as plain values, with its name in the log."""
    return {**event.__dict__, "time": event.time.isoformat(), "name": name}
