"""A cluster's session and an API in memory that it applies its objects to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from unit.apply.conftest import SPEC, played, played_session
from windlass.domain.pki import Pki, issue_pki
from windlass.domain.spec.models import Cluster
from windlass.effects.clock import Clock
from windlass.effects.kubernetes.client import Credentials, KubernetesClient
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import credentials_of
from world.objects import ObjectsApi

__all__ = ["played", "played_session"]


def cluster_with(**sections: Any) -> Cluster:
    """Return the cluster of the sessions here with other sections in its spec."""
    document = yaml.safe_load(SPEC)
    document["spec"] |= sections
    return Cluster.model_validate(document)


@pytest.fixture(scope="session")
def pki() -> Pki:
    return issue_pki(cluster_with(), datetime.now(UTC))


@pytest.fixture(scope="session")
def credentials(pki: Pki) -> Credentials:
    return credentials_of(pki)


@pytest.fixture
def session(played_session: ClusterSession) -> ClusterSession:
    moments = iter(range(10_000))
    clock = Clock(lambda: datetime.now(UTC), lambda: float(next(moments)), lambda _: None)
    return replace(played_session, clock=clock)


@pytest.fixture
def api() -> ObjectsApi:
    return ObjectsApi("cp-1", "cp-2", "w-1")


@pytest.fixture
def client(api: ObjectsApi, credentials: Credentials) -> Iterator[KubernetesClient]:
    with api.client(credentials) as made:
        yield made
