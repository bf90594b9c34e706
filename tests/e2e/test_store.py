"""Somebody else writes to the bucket of a cluster that runs: nothing of it reaches a host, and the ways out work."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

import pytest

from e2e.ground import CLUSTER, Ground
from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.authenticity import place_of
from windlass.domain.host.layout import SEALED_PKI
from windlass.domain.sealing import MasterKeys
from windlass.effects.store import AuthenticatedStore, ClusterRecords
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.effects.store.keys import accepted_lock_key, pki_key, spec_key
from windlass.errors import WindlassError
from windlass.operations.store_repair import StoreRepair


@pytest.fixture
def restored(cluster: Ground) -> Iterator[Ground]:
    """Give the cluster, and put spec and PKI back as they were."""
    kept = {key: cluster.bucket.get(key) for key in (spec_key(CLUSTER), pki_key(CLUSTER))}
    yield cluster
    for key, stored in kept.items():
        assert stored is not None
        cluster.bucket.put(key, stored.data)


def test_a_spec_that_somebody_else_wrote_reaches_no_host(restored: Ground) -> None:
    before = restored.beginnings()
    restored.bucket.put(spec_key(CLUSTER), restored.spec().encode())

    with pytest.raises(WindlassError, match=r"403: .*spec\.yaml in the store: it is not signed"):
        restored.apply()
    assert restored.beginnings() == before


def test_a_deleted_pki_comes_back_from_a_control_plane_host_and_nothing_has_changed(cluster: Ground) -> None:
    masters = MasterKeys.parse(cluster.master_key.reveal())
    cluster.bucket.delete(pki_key(CLUSTER))
    assert "windlass store restore-pki" in cluster.apply().refused("gate")

    copy = base64.b64decode(cluster.on("cp-1", f"base64 -w0 {SEALED_PKI}"))
    records = ClusterRecords(AuthenticatedStore.by(cluster.bucket, masters), CLUSTER)
    StoreRepair(cluster.bucket, masters, "the tests").restore_pki(records, copy)

    assert cluster.apply().succeeded().outcome == "nothing"


def test_an_older_store_is_refused_by_what_the_hosts_were_given(cluster: Ground) -> None:
    old = _objects(cluster)
    cluster.apply(cluster.spec(repair={"tries": 7})).succeeded()
    new = _objects(cluster)
    try:
        _put(cluster, old)
        assert "an older store was put back" in cluster.apply().refused("gate")
    finally:
        _put(cluster, new)
    assert cluster.apply().succeeded().outcome == "nothing"


def test_an_accepted_lock_that_was_put_back_is_refused_and_the_newer_one_holds_again(cluster: Ground) -> None:
    masters = MasterKeys.parse(cluster.master_key.reveal())
    mirror = cluster.lab.mirror_url
    key, locks = accepted_lock_key(mirror), AcceptedLocks(cluster.store, masters)
    held, old = locks.find(mirror), cluster.bucket.get(key)
    assert held is not None
    assert old is not None
    # Something that no host needs: another lock, and nothing to do.
    spare = {Artifact("file", "spare", "v1"): Locked(f"sha256:{'0' * 64}", 1, "build")}
    locks.accept(mirror, Lock(held.lock.source, {**held.lock.artifacts, **spare}), "the tests")
    new = cluster.bucket.get(key)
    assert new is not None
    try:
        cluster.bucket.put(key, old.data)
        with pytest.raises(WindlassError, match="an older one was put back"):
            AcceptedLocks(AuthenticatedStore.by(cluster.bucket, masters), masters).find(mirror)
        assert "an older one was put back" in cluster.apply().refused("gate")
    finally:
        cluster.bucket.put(key, new.data)
        locks.accept(mirror, held.lock, "the tests")
    assert cluster.apply().succeeded().outcome == "nothing"


def _objects(ground: Ground) -> dict[str, bytes]:
    keys = [item.key for item in ground.bucket.list(f"clusters/{CLUSTER}/") if place_of(item.key) is not None]
    return {key: stored.data for key in keys if (stored := ground.bucket.get(key)) is not None}


def _put(ground: Ground, objects: Mapping[str, bytes]) -> None:
    for key, data in objects.items():
        ground.bucket.put(key, data)
