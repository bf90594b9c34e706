"""The topology of a cluster, which follows from its roles."""

from __future__ import annotations

from typing import Literal

from windlass.domain.spec.machine_settings import ROLES
from windlass.domain.spec.models import Cluster

Topology = Literal["standalone", "overlapping", "separate"]


def topology(cluster: Cluster) -> Topology:
    """Name the topology: one host has all; some hosts have several roles; or each host has one."""
    members = cluster.spec.hosts.members
    if len(members) == 1:
        return "standalone"
    return "separate" if all(len(host.roles) == 1 for host in members) else "overlapping"


def summary_line(cluster: Cluster) -> str:
    """Say in one line which cluster a spec is of, and how many hosts have which role."""
    counts = ", ".join(f"{len(hosts)} {role}" for role in ROLES if (hosts := cluster.hosts_with(role)))
    return f"cluster {cluster.name}, Kubernetes {cluster.spec.kubernetes.version}, {topology(cluster)}: {counts}"
