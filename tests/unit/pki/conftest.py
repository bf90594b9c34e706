from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from windlass.domain.pki import Pki, issue_pki
from windlass.domain.spec import Cluster

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

MEMBERS = [
    {"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane"]},
    {"name": "cp-2", "address": "192.0.2.12", "roles": ["etcd", "control-plane"]},
    {"name": "etcd-3", "address": "192.0.2.13", "roles": ["etcd"]},
    {"name": "w-1", "address": "192.0.2.21", "roles": ["worker"]},
]


def make_cluster(members: list[dict[str, Any]] | None = None, **sections: Any) -> Cluster:
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members or MEMBERS}, **sections}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    return make_cluster()


@pytest.fixture(scope="session")
def pki(cluster: Cluster) -> Pki:
    return issue_pki(cluster, NOW)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def build_cluster() -> Callable[..., Cluster]:
    return make_cluster
