"""A site of three hosts in memory, with the shipped catalog and a lock of made-up digests."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.spec.models import Cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.operations.cluster import ClusterSession

SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"
SPEC = """
apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.1, roles: [etcd, control-plane]}
      - {name: cp-2, address: 192.0.2.2, roles: [control-plane]}
      - {name: w-1, address: 192.0.2.3, roles: [worker]}
  manifests:
    - {name: mine, content: "{apiVersion: v1, kind: Namespace, metadata: {name: mine}}"}
"""


@pytest.fixture
def played() -> dict[str, FakeHost]:
    """The hosts of `played_session`, for a test to say what they answer."""
    return {name: FakeHost(name) for name in ("cp-1", "cp-2", "w-1")}


@pytest.fixture
def played_session(played: dict[str, FakeHost]) -> ClusterSession:
    cluster = Cluster.model_validate(yaml.safe_load(SPEC))
    release = load_catalog(SHIPPED).release("v1.37.2")
    images = {Artifact("image", name, version) for name, version in release.images.items()}
    lock = Lock("modules", {image: Locked(f"sha256:{image.name}", 1, "build") for image in images})
    fakes = FakeHosts(played.values())
    mirror = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
    return ClusterSession(cluster, release, lock, mirror, Connections(fakes.targets(), fakes))
