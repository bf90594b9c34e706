"""Foundation services: apply the manifests that the spec picks, label the nodes, wait until all of it is there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from windlass.domain.rendering import AddonManifest, node_labels, render_manifests
from windlass.domain.rendering.manifests import OWN_ADDON
from windlass.domain.spec.models import Host
from windlass.effects.clock import Clock
from windlass.effects.kubernetes.client import NODES, KubernetesClient, Resource
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import fan_out
from windlass.errors import NotReadyError
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.waiting import wait_until

_DAEMON_SETS = Resource("apps/v1", "daemonsets", namespaced=True)
_DEPLOYMENTS = Resource("apps/v1", "deployments", namespaced=True)
_KIND_KNOWN = timedelta(seconds=30)
_REGISTERED = timedelta(seconds=45)


def apply_services(session: ClusterSession, client: KubernetesClient) -> Changes:
    """Apply every object that the spec picks; those that changed anything.

    Add-ons do not need each other and are applied side by side, each in its own order; the user's own objects come
    after all of them, in theirs.
    """
    addons: dict[str, list[AddonManifest]] = {}
    for manifest in render_manifests(session.cluster, session.release, session.lock, session.mirror):
        addons.setdefault(OWN_ADDON if manifest.is_users else manifest.addon, []).append(manifest)
    own = addons.pop(OWN_ADDON, [])
    outcomes = fan_out(addons, lambda addon: _apply_all(client, addons[addon], session.clock))
    ours = [change for outcome in outcomes.values() for change in outcome.get()]
    return (*ours, *_apply_all(client, own, session.clock))


def _apply_all(client: KubernetesClient, manifests: Iterable[AddonManifest], clock: Clock) -> Changes:
    return tuple(str(manifest) for manifest in manifests if _apply(client, manifest, clock))


def _apply(client: KubernetesClient, manifest: AddonManifest, clock: Clock) -> bool:
    changed = False

    def attempt() -> str:
        nonlocal changed
        changed = client.apply(dict(manifest.document))
        return ""

    # A kind may be unknown to the API for a moment after its definition was applied.
    wait_until(attempt, _KIND_KNOWN, f"apply {manifest} of {manifest.addon}", clock)
    return changed


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
    connection.run(["systemctl", "restart", "kubelet"], sudo=True)


def label_nodes(session: ClusterSession, client: KubernetesClient) -> Changes:
    """Set the labels that nodes lack: a kubelet sets some of them, and only when it registers its node."""
    changed = []
    for host in session.hosts:
        if not host.is_node:
            continue
        node = client.get(NODES, host.name)
        labels = node["metadata"].get("labels", {}) if node else {}
        desired = {key: value for key, value in node_labels(host).items() if labels.get(key) != value}
        if node is not None and desired:
            client.patch(NODES, host.name, {"metadata": {"labels": desired}})
            changed.append(f"labels of {host.name}")
    return tuple(changed)


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


def workloads_missing(client: KubernetesClient, namespaces: frozenset[str], absent: int = 0) -> str:
    """Return which daemon sets and deployments in `namespaces` are not all there yet; empty if all are.

    Daemon sets may lack as many pods as nodes are `absent`.
    """
    missing = []
    for found in client.list(_DAEMON_SETS):
        status = found["status"]
        desired, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        if found["metadata"]["namespace"] in namespaces and (desired == 0 or ready < desired - absent):
            missing.append(f"{found['metadata']['namespace']}/{found['metadata']['name']}: {ready} of {desired} ready")
    for found in client.list(_DEPLOYMENTS):
        desired, ready = found["spec"]["replicas"], found["status"].get("readyReplicas", 0)
        if found["metadata"]["namespace"] in namespaces and ready < desired:
            missing.append(f"{found['metadata']['namespace']}/{found['metadata']['name']}: {ready} of {desired} ready")
    return "; ".join(missing)
