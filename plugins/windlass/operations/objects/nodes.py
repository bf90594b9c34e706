"""Set the labels and taints of the spec on running nodes, and remove those that left it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta

from windlass.domain.objects.drift import ObjectDrift
from windlass.domain.objects.node_settings import node_change
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import NODES, KubernetesClient, Object
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.waiting import wait_until

_SETTLED = timedelta(seconds=15)
"""A node is written by its kubelet and by controllers too: whoever reads an older one reads it again."""


def node_drift(
    session: ClusterSession, client: KubernetesClient, before: ClusterSession | None = None
) -> tuple[ObjectDrift, ...]:
    """Return the nodes whose labels or taints are not those of the spec; nothing is changed."""
    nodes = {node["metadata"]["name"]: node for node in client.list(NODES)}
    drifts = []
    for host in _node_hosts(session):
        change = node_change(host, nodes[host.name], _host(before, host.name)) if host.name in nodes else None
        drifts += [change.drift(host.name)] if change is not None else []
    return tuple(drifts)


def label_nodes(session: ClusterSession, client: KubernetesClient, before: ClusterSession | None = None) -> Changes:
    """Bring labels and taints of all nodes to the spec; what was changed.

    A kubelet sets some of the labels, and taints, and only when it registers its node. Those that others have set stay.
    """
    changes = label_hosts(session, client, [host.name for host in session.hosts], before)
    return tuple(change for changed in changes.values() for change in changed)


def label_hosts(
    session: ClusterSession, client: KubernetesClient, names: Collection[str], before: ClusterSession | None = None
) -> dict[str, Changes]:
    """Do that on the nodes of these hosts; what was changed on each host that has a node."""
    nodes = {node["metadata"]["name"]: node for node in client.list(NODES)}
    known = [host for host in _node_hosts(session) if host.name in nodes and host.name in names]
    changes = {host.name: _settle(session, client, host, nodes[host.name], _host(before, host.name)) for host in known}
    return {name: (change,) if change else () for name, change in changes.items()}


def _settle(session: ClusterSession, client: KubernetesClient, host: Host, node: Object, before: Host | None) -> str:
    changed: list[str] = []
    read: list[Object] = [node]

    def attempt() -> str:
        found = read.pop() if read else client.get(NODES, host.name)
        change = None if found is None else node_change(host, found, before)
        if change is not None:
            client.patch(NODES, host.name, dict(change.patch))
            changed.extend(map(str, change.fields))
        return ""

    wait_until(attempt, _SETTLED, f"set labels and taints of {host.name}", session.clock)
    return f"changed Node {host.name}: {'; '.join(changed)}" if changed else ""


def _node_hosts(session: ClusterSession) -> Iterator[Host]:
    return (host for host in session.hosts if host.is_node)


def _host(session: ClusterSession | None, name: str) -> Host | None:
    return next((host for host in session.hosts if host.name == name), None) if session else None
