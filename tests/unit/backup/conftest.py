from __future__ import annotations

from datetime import UTC, datetime

import pytest

from unit.backup.examples import new_keys
from windlass.domain.pki import Pki, issue_pki
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec import Cluster

NOW = datetime(2026, 11, 23, 7, 45, tzinfo=UTC)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    members = [
        {"name": "cp-1", "address": "192.0.2.1", "roles": ["etcd", "control-plane"]},
        {"name": "cp-2", "address": "192.0.2.2", "roles": ["etcd", "control-plane"]},
        {"name": "cp-3", "address": "192.0.2.3", "roles": ["etcd", "control-plane"]},
        {"name": "w-1", "address": "192.0.2.4", "roles": ["worker"]},
    ]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


@pytest.fixture(scope="session")
def pki(cluster: Cluster) -> Pki:
    return issue_pki(cluster, NOW)


@pytest.fixture(scope="session")
def keys() -> MasterKeys:
    return new_keys()
