"""Foundation services: have all nodes register, and see which nodes and workloads are not there yet."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from windlass.domain.scripts.recreate import restart_script
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import NODES, KubernetesClient, Resource
from windlass.effects.ssh.connection import Connection
from windlass.errors import NotReadyError
from windlass.operations.apply.absent_pods import AbsentPods
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.waiting import wait_until

_DAEMON_SETS = Resource("apps/v1", "daemonsets", namespaced=True)
_DEPLOYMENTS = Resource("apps/v1", "deployments", namespaced=True)
_REGISTERED = timedelta(seconds=45)


def register_nodes(session: ClusterSession, client: KubernetesClient, within: timedelta = _REGISTERED) -> Changes:
    """Wait until the API knows every node; after `within` restart the kubelets of those that it does not know.

    A kubelet registers its node once, after its start: where somebody deleted the node, or the API lost its data, it
    never does so again by itself (https://github.com/kubernetes/kubernetes/issues/71398).
    """

    def unknown() -> list[Host]:
        known = {node["metadata"]["name"] for node in client.list(NODES)}
        return [host for host in session.hosts if host.is_node and host.name not in known]

    try:
        wait_until(
            lambda: ", ".join(host.name for host in unknown()), within, "wait for kubelets to register", session.clock
        )
    except NotReadyError:
        late = unknown()
        session.on_hosts("restart kubelets", late, lambda _, connection: _restart_kubelet(connection))
        return tuple(f"kubelet of {host.name} restarted" for host in late)
    return ()


def _restart_kubelet(connection: Connection) -> None:
    connection.run_script(restart_script("kubelet"))


def nodes_missing(session: ClusterSession, client: KubernetesClient) -> str:
    """Return which nodes are not there or not Ready, with the reason they give; empty if all are."""
    ready = {}
    for node in client.list(NODES):
        condition = next((one for one in node["status"].get("conditions", []) if one["type"] == "Ready"), None)
        ready[node["metadata"]["name"]] = condition
    missing = []
    for host in session.hosts:
        if not host.is_node:
            continue
        condition = ready.get(host.name)
        if condition is None:
            missing.append(f"{host.name}: its kubelet has not registered")
        elif condition["status"] != "True":
            missing.append(f"{host.name}: {condition.get('message', 'not Ready')}")
    return "; ".join(missing)


def workloads_missing(client: KubernetesClient, namespaces: frozenset[str], absent: Collection[str] = ()) -> str:
    """Return which daemon sets and deployments in `namespaces` are not all there yet; empty if all are.

    They may lack the pods that are on nodes which are `absent`.
    """
    missing, away = [], AbsentPods.on(absent, client)
    for found in client.list(_DAEMON_SETS):
        status = found["status"]
        desired, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        if found["metadata"]["namespace"] in namespaces and (desired == 0 or ready < desired - away.of(found)):
            missing.append(f"{found['metadata']['namespace']}/{found['metadata']['name']}: {ready} of {desired} ready")
    for found in client.list(_DEPLOYMENTS):
        desired, ready = found["spec"]["replicas"], found["status"].get("readyReplicas", 0)
        if found["metadata"]["namespace"] in namespaces and ready < desired - away.of(found):
            missing.append(f"{found['metadata']['namespace']}/{found['metadata']['name']}: {ready} of {desired} ready")
    return "; ".join(missing)
