"""The addresses that other clusters' hosts have: a machine may be reached by several, and be theirs by another one."""

from __future__ import annotations

from windlass.domain.spec.checks.hosts import reached_through
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.others import read_other
from windlass.effects.store import ClusterRecords, list_clusters
from windlass.operations.run import ClusterRun


def taken_addresses(run: ClusterRun, cluster: Cluster) -> dict[str, str]:
    """Return each address of another cluster's host, with whose it is; of those in the network of `cluster` alone.

    Behind another bastion the same address may well be another machine's.
    """
    taken: dict[str, str] = {}
    for name in list_clusters(run.store):
        data = ClusterRecords(run.store, name).spec_bytes() if name != cluster.name else None
        other = read_other(name, data).cluster if data is not None else None
        if other is not None and reached_through(other) == reached_through(cluster):
            taken |= {host.address: f"host {host.name} of the cluster `{name}`" for host in other.spec.hosts.members}
    return taken
