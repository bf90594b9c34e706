from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from windlass.domain.artifacts import Lock, Locked
from windlass.domain.catalog import Catalog, Release
from windlass.domain.host.facts import CAP_SYS_RESOURCE, HostFacts, parse_facts
from windlass.domain.rendering import AddonManifest, HostFiles, MirrorAddresses, render_host, render_manifests
from windlass.domain.spec import Cluster, Host
from windlass.effects.catalog import load_catalog

SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"
MIRROR = MirrorAddresses("http://192.0.2.1:8080", "192.0.2.1:5000")
FACTS = replace(parse_facts("arch=x86_64\ncomplete=yes"), cgroup_version=2, cpus=2, cap_bounding=1 << CAP_SYS_RESOURCE)

TOPOLOGIES: dict[str, dict[str, list[str]]] = {
    "standalone": {"all-1": ["etcd", "control-plane", "worker"]},
    "overlapping": {
        "cp-1": ["etcd", "control-plane"],
        "cp-2": ["etcd", "control-plane"],
        "cp-3": ["etcd", "control-plane"],
        "w-1": ["worker"],
    },
    "separate": {"etcd-1": ["etcd"], "cp-1": ["control-plane"], "cp-2": ["control-plane"], "w-1": ["worker"]},
}


@dataclass(frozen=True)
class Rendering:
    """One cluster rendered, with the questions that tests ask of it."""

    cluster: Cluster
    release: Release
    facts: HostFacts = FACTS
    mirror: MirrorAddresses = MIRROR

    @property
    def lock(self) -> Lock:
        return lock_of(self.release)

    def member(self, name: str) -> Host:
        return next(host for host in self.cluster.spec.hosts.members if host.name == name)

    def host(self, name: str) -> HostFiles:
        return render_host(self.cluster, self.release, self.member(name), self.lock, self.mirror, self.facts)

    def yaml(self, name: str, path: str) -> Any:
        return yaml.safe_load(self.host(name)[path].text)

    def service(self, name: str, stack: str, service: str) -> dict[str, Any]:
        found: dict[str, Any] = self.yaml(name, f"/etc/windlass/stacks/{stack}/compose.yaml")["services"][service]
        return found

    def flags(self, name: str, stack: str, service: str) -> dict[str, str]:
        words = (word.removeprefix("--").partition("=") for word in self.service(name, stack, service)["command"])
        return {flag: value for flag, _, value in words}

    def kubelet(self, name: str) -> Any:
        return self.yaml(name, "/etc/windlass/kubelet/config.yaml")

    def manifests(self) -> list[AddonManifest]:
        return render_manifests(self.cluster, self.release, self.lock, self.mirror)

    def object(self, kind: str, name: str) -> Any:
        return next(found.document for found in self.manifests() if (found.kind, found.name) == (kind, name))


def facts_of(cluster: Cluster) -> HostFacts:
    """Return the facts of a machine that has the addresses of all hosts of the cluster."""
    lines = [f"interface=eth0 {host.node_address}/24" for host in cluster.spec.hosts.members]
    return replace(FACTS, interfaces=parse_facts("\n".join((*lines, "complete=yes"))).interfaces)


def lock_of(release: Release) -> Lock:
    return Lock("modules", {image: Locked(digest_for(image.name), 1, "build") for image in release.all_images})


def digest_for(name: str) -> str:
    return "sha256:" + name.encode().hex().ljust(64, "0")[:64]


def make_cluster(roles: dict[str, list[str]], /, version: str = "v1.37.2", **sections: Any) -> Cluster:
    members = [
        {"name": name, "address": f"192.0.2.{number}", "roles": taken} | sections.get("members", {}).get(name, {})
        for number, (name, taken) in enumerate(roles.items(), start=11)
    ]
    spec = {key: value for key, value in sections.items() if key != "members"}
    spec = {"kubernetes": {"version": version}, "hosts": {"members": members}} | spec
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


Render = Callable[..., Rendering]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog(SHIPPED)


@pytest.fixture(scope="session")
def render(catalog: Catalog) -> Render:
    """Return a function that renders a topology by name, with sections of the spec as given."""

    def make(topology: str = "overlapping", version: str = "v1.37.2", **sections: Any) -> Rendering:
        return Rendering(make_cluster(TOPOLOGIES[topology], version, **sections), catalog.release(version))

    return make
