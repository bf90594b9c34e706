"""What is rendered meets the real programs, taken from the images of the mirror."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from windlass.domain.artifacts import Artifact
from windlass.domain.catalog import Catalog
from windlass.domain.host.facts import HostFacts, InterfaceAddress, parse_facts
from windlass.domain.pki import Pki, issue_pki
from windlass.domain.rendering import HostFiles, MirrorAddresses, render_host
from windlass.domain.spec import Cluster, Host
from windlass.effects.catalog import load_catalog
from windlass.mirror.cache import artifact_path, mirror_directory, read_lock
from windlass.mirror.places import own_architecture

SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"
MIRROR = MirrorAddresses("http://192.0.2.1:8080", "192.0.2.1:5000")
FACTS = replace(parse_facts("arch=x86_64\ncomplete=yes"), cgroup_version=2, cpus=2)
Unpack = Callable[[str, str], Path]


def blob(digest: str) -> Path:
    algorithm, _, value = digest.partition(":")
    blobs = mirror_directory() / "registry" / "docker" / "registry" / "v2" / "blobs"
    return blobs / algorithm / value[:2] / value / "data"


@pytest.fixture(scope="session")
def unpack(tmp_path_factory: pytest.TempPathFactory) -> Unpack:
    """Return a function that gives the file system of an image of the mirror."""
    lock = read_lock()
    trees: dict[str, Path] = {}

    def tree_of(name: str, version: str) -> Path:
        digest = lock.artifacts[Artifact("image", name, version)].digest_on(own_architecture()) or ""
        if digest not in trees:
            trees[digest] = tmp_path_factory.mktemp(name)
            for layer in json.loads(blob(digest).read_text())["layers"]:
                with tarfile.open(blob(layer["digest"])) as archive:
                    _extract(archive, trees[digest])
        return trees[digest]

    return tree_of


def _extract(archive: tarfile.TarFile, tree: Path) -> None:
    """Lay a layer over those below it: a link that it has too is replaced, and not followed."""
    for member in archive:
        if (tree / member.name).is_symlink():
            (tree / member.name).unlink()
        archive.extract(member, tree, filter="tar")


@dataclass(frozen=True)
class Kit:
    """What it takes to render and to run."""

    catalog: Catalog
    unpack: Unpack
    facts: HostFacts = FACTS
    mirror: MirrorAddresses = MIRROR

    def file(self, name: str, version: str) -> Path:
        return artifact_path(Artifact("file", name, version))

    def cluster(self, members: list[dict[str, Any]], version: str, **sections: Any) -> Cluster:
        spec = {"kubernetes": {"version": version}, "hosts": {"members": members}, **sections}
        document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
        return Cluster.model_validate(document)

    def pki(self, cluster: Cluster) -> Pki:
        return issue_pki(cluster, datetime.now(UTC))

    def files(self, cluster: Cluster, host: Host) -> HostFiles:
        release = self.catalog.release(cluster.spec.kubernetes.version)
        facts = replace(self.facts, interfaces=_interfaces(cluster))
        return render_host(cluster, release, host, read_lock(), self.mirror, facts)


def _interfaces(cluster: Cluster) -> Mapping[str, InterfaceAddress]:
    """Return the addresses of all hosts, as if one machine had them."""
    lines = (f"interface=eth0 {host.node_address}/24" for host in cluster.spec.hosts.members)
    return parse_facts("\n".join((*lines, "complete=yes"))).interfaces


@pytest.fixture(scope="session")
def kit(unpack: Unpack) -> Kit:
    return Kit(load_catalog(SHIPPED), unpack)
