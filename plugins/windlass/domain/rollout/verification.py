"""On which nodes a rollout is verified by pods: on all, unless it only had to do with some of them."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.domain.rollout.step import ADD_ONS, API_SERVER, ETCD, HOST, LEAVE, NARROW, NODE_LINE, PREPARE, WIDEN, Step
from windlass.domain.spec.models import Cluster

_LOCAL = frozenset({PREPARE, ETCD, WIDEN, API_SERVER, HOST, NARROW, LEAVE, ADD_ONS})
"""What changes no other node than those that it names; of add-ons only what is about nodes."""
_TOGETHER = 2
"""A service is reached from one node to another."""


def nodes_to_try(cluster: Cluster, steps: Sequence[Step]) -> frozenset[str]:
    """Return the nodes that `steps` had to do with and one that they left alone; empty for all nodes.

    The API is tried through the proxies of all hosts in any case.
    """
    if not steps or any(step.kind not in _LOCAL for step in steps):
        return frozenset()
    if any(not line.startswith(NODE_LINE) for step in steps if step.kind == ADD_ONS for line in step.does):
        return frozenset()
    hosts = [host for host in cluster.spec.hosts.members if host.is_node]
    touched = {name for step in steps if step.kind in {PREPARE, HOST} for name in step.hosts}
    chosen = [host.name for host in hosts if host.name in touched]
    # Workers first: they are what pods run on.
    others = sorted((host for host in hosts if host.name not in touched), key=lambda host: "worker" not in host.roles)
    chosen += [host.name for host in others][: max(1, _TOGETHER - len(chosen))]
    return frozenset(chosen) if len(chosen) < len(hosts) else frozenset()
