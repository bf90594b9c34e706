"""The topology of a cluster, which follows from its roles."""

from __future__ import annotations

from typing import Literal

from windlass.domain.spec.models import Cluster

Topology = Literal["standalone", "overlapping", "separate"]


def topology(cluster: Cluster) -> Topology:
    """Name the topology: one host has all; some hosts have several roles; or each host has one."""
    members = cluster.spec.hosts.members
    if len(members) == 1:
        return "standalone"
    return "separate" if all(len(host.roles) == 1 for host in members) else "overlapping"
