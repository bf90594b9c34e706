"""The addresses that other clusters' hosts have: a machine may be reached by several, and be theirs by another one."""

from __future__ import annotations

import logging

from windlass.domain.spec.checks.hosts import reached_through
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.others import read_other
from windlass.effects.store import ClusterRecords, list_clusters
from windlass.errors import IntegrityError
from windlass.operations.run import ClusterRun

log = logging.getLogger(__name__)


def taken_addresses(run: ClusterRun, cluster: Cluster) -> dict[str, str]:
    """Return each address of another cluster's host, with whose it is; of those in networks of `cluster` alone.

    Behind another bastion the same address may well be another machine's. Private addresses are of one network, too,
    and nobody knows which: only those count by which Windlass reaches hosts.
    """
    taken: dict[str, str] = {}
    networks = {reached_through(cluster, host) for host in cluster.spec.hosts.members}
    for name in list_clusters(run.store):
        other = readable_spec(run, name) if name != cluster.name else None
        if other is not None:
            theirs = (host for host in other.spec.hosts.members if reached_through(other, host) in networks)
            taken |= {host.address: f"host {host.name} of the cluster `{name}`" for host in theirs}
    return taken


def readable_spec(run: ClusterRun, name: str) -> Cluster | None:
    """Return the stored spec of another cluster as far as it can be read; one that is not authentic holds up nobody."""
    try:
        data = ClusterRecords(run.store, name).spec_bytes()
    except IntegrityError as error:
        log.warning("%s: its stored spec is not read: %s", name, error)
        return None
    return read_other(name, data).cluster if data is not None else None
