"""Which settings of machines hold on one host, and all places of a spec where such settings stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from windlass.domain.spec.hosts import Role
from windlass.domain.spec.machine import MachineSettings, merged
from windlass.domain.spec.models import Cluster, ClusterSpec, Host
from windlass.domain.spec.problem import Path

ROLES: tuple[Role, ...] = get_args(Role)
"""In the order in which their settings hold, on a host with several: the later before the earlier."""


def settings_of(cluster: Cluster, host: Host) -> MachineSettings:
    """Return what holds on `host`: what all hosts have, then what its roles have, then its own."""
    spec = cluster.spec
    return merged(
        one for one in (_of(spec), *(spec.roles.get(role) for role in ROLES if role in host.roles), _of(host)) if one
    )


def places(cluster: Cluster) -> Iterator[tuple[Path, MachineSettings, Host | None]]:
    """Yield all settings of machines with the path that they stand below, and the host whose own they are."""
    yield ("spec",), _of(cluster.spec), None
    for role, settings in cluster.spec.roles.items():
        yield ("spec", "roles", role), settings, None
    for index, host in enumerate(cluster.spec.hosts.members):
        yield ("spec", "hosts", "members", index), _of(host), host


def _of(section: ClusterSpec | Host) -> MachineSettings:
    return MachineSettings(
        kubelet=section.kubelet, containerd=section.containerd, sysctls=section.sysctls, files=section.files
    )
