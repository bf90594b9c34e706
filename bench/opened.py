"""A lab's cluster as operations see it, opened in a process of its own that is told the secrets by standing input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from windlass.domain.pki import Pki
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys
from windlass.domain.secret import Secret
from windlass.domain.spec import load_cluster
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.mirror import fetch_lock
from windlass.effects.packaged import catalog_directory
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import AuthenticatedStore, ClusterRecords, S3Store, StoreConfig
from windlass.errors import WindlassError
from windlass.operations.cluster import ClusterSession, open_session
from windlass_lab.lab import load
from windlass_lab.model import BUCKET


@dataclass(frozen=True)
class Opened:
    """The cluster's hosts, its keys, its bundles."""

    session: ClusterSession
    pki: Pki
    vault: Vault


def secrets_line(master_key: Secret, spec: str) -> bytes:
    """Return the line by which `opened` learns of a cluster."""
    return json.dumps({"key": master_key.reveal(), "spec": spec}).encode() + b"\n"


@contextmanager
def opened(lab_name: str, secrets: str) -> Iterator[Opened]:
    """Connect to the hosts of the cluster in a lab; `secrets` is what `secrets_line` made."""
    given, lab = json.loads(secrets), load(lab_name)
    keys, cluster = MasterKeys.parse(given["key"]), load_cluster(given["spec"], "the benchmark's spec")
    s3 = lab.s3_credentials()
    config = StoreConfig(BUCKET, "", lab.s3_endpoint, "us-east-1", s3.access_key, Secret(s3.secret_key))
    store = AuthenticatedStore.by(S3Store(config), keys)
    pki = ClusterRecords(store, cluster.name).pki(keys)
    if pki is None:
        raise WindlassError("the cluster has no certificates")
    templates = catalog_directory()
    release = load_catalog(templates).release(cluster.spec.kubernetes.version)
    mirror = MirrorAddresses(lab.mirror_url, lab.registry)
    connections = Connections([lab.target(host.name) for host in lab.hosts])
    with open_session(cluster, release, (fetch_lock(mirror.files), mirror), connections) as session:
        yield Opened(session, pki, Vault(store, cluster.name, keys))
