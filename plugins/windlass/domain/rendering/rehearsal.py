"""Render a release for every topology, to find what is wrong with its templates before any host sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Release
from windlass.domain.host.facts import CAP_SYS_RESOURCE, HostFacts, parse_facts
from windlass.domain.rendering.host import render_host
from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.rendering.manifests import render_manifests
from windlass.domain.spec.models import Cluster
from windlass.errors import WindlassError

_MIRROR = MirrorAddresses("http://192.0.2.1:8080", "192.0.2.1:5000")
_ROLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "standalone": {"all-1": ("etcd", "control-plane", "worker")},
    "overlapping": {
        "cp-1": ("etcd", "control-plane"),
        "cp-2": ("etcd", "control-plane"),
        "cp-3": ("etcd", "control-plane"),
        "w-1": ("worker",),
    },
    "separate": {"etcd-1": ("etcd",), "cp-1": ("control-plane",), "cp-2": ("control-plane",), "w-1": ("worker",)},
}
_SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "as it comes": {},
    "everything picked": {
        "network": {"backend": "host-gw", "proxyMode": "nftables"},
        "monitoring": {"driver": "metrics-server"},
        "loadBalancer": {"driver": "metallb", "addresses": ["192.0.2.200-192.0.2.210"]},
        "security": {"auditLog": False, "podSecurity": "restricted"},
        "kubernetes": {"cloudProvider": "external"},
        "api": {"oidc": [{"issuer": "https://id.example.com", "clientId": "kubernetes", "groupsClaim": "groups"}]},
        "components": {"kube-apiserver": {"extraArgs": {"service-account-issuer": ["https://a", "https://b"]}}},
    },
}


@dataclass(frozen=True)
class Rehearsal:
    """One rendering of a release, and what was wrong with it; empty if nothing."""

    name: str
    problem: str = ""


def rehearse(release: Release, lock: Lock) -> Iterator[Rehearsal]:
    """Render `release` for every topology, on hosts of both kinds of cgroups, with little and with much picked."""
    facts = replace(parse_facts("complete=yes"), cpus=2, cap_bounding=1 << CAP_SYS_RESOURCE)
    for topology, roles in _ROLES.items():
        for picked, sections in _SECTIONS.items():
            for cgroup in (1, 2):
                name = f"{topology}, {picked}, cgroup v{cgroup}"
                cluster = _cluster(release, roles, sections)
                try:
                    _render(release, lock, cluster, replace(facts, cgroup_version=cgroup))
                except WindlassError as error:
                    yield Rehearsal(name, str(error))
                except yaml.YAMLError as error:
                    yield Rehearsal(name, f"what was rendered is no YAML: {error}")
                else:
                    yield Rehearsal(name)


def _render(release: Release, lock: Lock, cluster: Cluster, facts: HostFacts) -> None:
    for host in cluster.spec.hosts.members:
        for path, file in render_host(cluster, release, host, lock, _MIRROR, facts).items():
            if path.endswith(".yaml"):
                yaml.safe_load(file.text)
    render_manifests(cluster, release, lock, _MIRROR)


def _cluster(release: Release, roles: Mapping[str, tuple[str, ...]], sections: Mapping[str, Any]) -> Cluster:
    members = [
        {"name": name, "address": f"192.0.2.{number}", "roles": list(taken)}
        for number, (name, taken) in enumerate(roles.items(), start=11)
    ]
    kubernetes = {"version": release.version, **sections.get("kubernetes", {})}
    spec = {**sections, "kubernetes": kubernetes, "hosts": {"members": members}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "rehearsal"}, "spec": spec}
    return Cluster.model_validate(document)
