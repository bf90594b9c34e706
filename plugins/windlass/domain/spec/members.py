"""The same cluster with other hosts."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from windlass.domain.spec.models import Cluster, Host


def without_hosts(cluster: Cluster, names: Collection[str]) -> Cluster:
    """Return the cluster without some of its hosts."""
    return with_hosts(cluster, [host for host in cluster.spec.hosts.members if host.name not in names])


def with_hosts(cluster: Cluster, members: Iterable[Host]) -> Cluster:
    """Return the cluster with other hosts."""
    hosts = cluster.spec.hosts.model_copy(update={"members": tuple(members)})
    return cluster.model_copy(update={"spec": cluster.spec.model_copy(update={"hosts": hosts})})
