"""A standing cluster from the inside: its hosts, its keys, its bundles, as operations see them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache

from bench.lab_cluster import VERSION, LabCluster, lab_cluster
from windlass.domain.pki import Pki
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys
from windlass.domain.secret import Secret
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.mirror import fetch_lock
from windlass.effects.packaged import catalog_directory
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import AuthenticatedStore, ClusterRecords, S3Store, StoreConfig
from windlass.errors import WindlassError
from windlass.operations.cluster import ClusterSession, open_session
from windlass.operations.etcd.clients import etcd_member
from windlass_lab.model import BUCKET

LARGE_MEBIBYTES = 324  # 340 MB


@cache
def small_cluster(cleanup: ExitStack) -> LabCluster:
    """Return the one new cluster that all benchmarks of backups and recoveries share; nobody watches it."""
    stand = cleanup.enter_context(lab_cluster("bench-etcd"))
    stand.run("create_cluster", spec=stand.spec)
    return stand


@cache
def large_cluster(cleanup: ExitStack) -> LabCluster:
    """Return the same cluster, with a database of 340 MB from now on."""
    stand = small_cluster(cleanup)
    fill(stand)
    return stand


@contextmanager
def inside(stand: LabCluster) -> Iterator[tuple[ClusterSession, Pki]]:
    """Connect to the hosts of the standing cluster, and give its keys."""
    release = load_catalog(catalog_directory()).release(VERSION)
    mirror = MirrorAddresses(stand.lab.mirror_url, stand.lab.registry)
    pki = ClusterRecords(store_of(stand), stand.cluster.name).pki(keys_of(stand))
    if pki is None:
        raise WindlassError("the cluster has no certificates")
    connections = Connections([stand.lab.target(host.name) for host in stand.lab.hosts])
    with open_session(stand.cluster, release, (fetch_lock(mirror.files), mirror), connections) as session:
        yield session, pki


def fill(stand: LabCluster, mebibytes: int = LARGE_MEBIBYTES) -> None:
    """Write values that do not compress into the cluster's etcd."""
    with inside(stand) as (session, pki), etcd_member(session, pki, "cp-1", timedelta(seconds=30)) as client:
        for number in range(mebibytes):
            client.keys.put(b"/bench/%d" % number, os.urandom(2**20))


def vault_of(stand: LabCluster) -> Vault:
    """Return the cluster's bundles."""
    return Vault(store_of(stand), stand.cluster.name, keys_of(stand))


def keys_of(stand: LabCluster) -> MasterKeys:
    """Return the master keys."""
    return MasterKeys.parse(stand.master_key.reveal())


def store_of(stand: LabCluster) -> AuthenticatedStore:
    """Return the lab's store."""
    s3 = stand.lab.s3_credentials()
    config = StoreConfig(BUCKET, "", stand.lab.s3_endpoint, "us-east-1", s3.access_key, Secret(s3.secret_key))
    return AuthenticatedStore.by(S3Store(config), keys_of(stand))
