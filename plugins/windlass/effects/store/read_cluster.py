"""What the store knows of one cluster, read from all of its objects; nothing is asked of any host."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.domain.backup.drills import DrillRecord, bundle_of_drill, parse_drill
from windlass.domain.backup.ids import BundleId
from windlass.domain.lease import Lease
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec import load_cluster
from windlass.domain.spec.overview import Backups, KnownCluster
from windlass.effects.store.contract import Store
from windlass.effects.store.guarded import is_authenticated
from windlass.effects.store.keys import bundles_prefix, cluster_prefix, lease_key
from windlass.effects.store.records import ClusterRecords
from windlass.errors import IntegrityError

_MANIFEST = "/manifest.json"


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
    verdicts: dict[str, DrillRecord] = {}
    for bundle, key in _drills(store, name):
        if str(bundle) not in verdicts and (record := _verdict(store, name, key, keys)) is not None:
            verdicts[str(bundle)] = record
    proofs = (one for bundle in bundles if (one := verdicts.get(str(bundle))) is not None and one.is_proof)
    took = next((one.milliseconds.get("total") for one in proofs), None)
    return Backups(
        tuple(bundles),
        {bundle: record.is_proof for bundle, record in verdicts.items()},
        None if took is None else took / 1000,
    )


def _is_manifest(key: str) -> bool:
    return key.endswith(_MANIFEST)


def _drills(store: Store, name: str) -> Iterator[tuple[BundleId, str]]:
    """Yield the bundle and the key of each drill's record, newest first."""
    prefix = f"{cluster_prefix(name)}drills/"
    for item in sorted(store.list(prefix), key=lambda one: one.key, reverse=True):
        bundle = bundle_of_drill(item.key.removeprefix(prefix))
        if bundle is not None:
            yield bundle, item.key


def _verdict(store: Store, name: str, key: str, keys: MasterKeys | None) -> DrillRecord | None:
    """Return the record of a drill that proves its bundle, or disproves it; None if it does neither."""
    if keys is None and not is_authenticated(store):
        return None
    try:
        stored = store.get(key)
        if stored is None:
            return None
        record = parse_drill(stored.data, keys, name, key.rpartition("/")[2].removesuffix(".json"))
    except IntegrityError:
        return None
    return record if record.is_proof or record.disproves else None
