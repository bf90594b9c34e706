"""Take off all hosts what drivers have left there, once these drivers have left the cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any

from windlass.domain.catalog.drivers import SLOTS, Driver, HostTraces
from windlass.domain.host.host_checks import any_lock
from windlass.domain.host.layout import artifact_directory
from windlass.domain.rendering.images import image_reference
from windlass.domain.rendering.manifests import render_manifests
from windlass.domain.scripts.left_traces import remove_services_script, remove_traces_script
from windlass.domain.scripts.script import Script
from windlass.domain.spec.drivers import PROXY, host_traces, leaving_drivers
from windlass.effects.kubernetes.client import PODS, KubernetesClient
from windlass.operations.cluster import Changes, ClusterSession, run_script
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.waiting import wait_until

_ENDED = timedelta(minutes=2)
Workload = tuple[str, str]
"""Namespace and name of what has pods."""


def remove_what_drivers_left(rollout: RolloutContext, client: KubernetesClient, absent: Collection[str]) -> Changes:
    """Remove from hosts what drivers have left there that the spec no longer picks, where their pods have ended.

    Nodes that are `absent` keep it: rules and interfaces until they start again, files until somebody takes them away.
    """
    before, after = rollout.before, rollout.session
    left = leaving_drivers(before.cluster, after.cluster, before.release.drivers)
    scripts = tuple(_scripts(before, after, left))
    if not scripts:
        return ()
    gone = _workloads(before, left)
    wait_until(lambda: _running(client, gone, absent), _ENDED, "wait until pods end", after.clock)
    nodes = [host for host in after.hosts if host.is_node and host.name not in absent]
    changed = after.on_hosts(
        "remove what drivers left",
        nodes,
        lambda _, connection: [text for one in scripts for text in run_script(connection, one)],
    )
    return tuple(f"{name}: {text}" for name, texts in changed.items() for text in texts)


def _scripts(before: ClusterSession, after: ClusterSession, left: Sequence[Driver]) -> Iterator[Script]:
    """Yield what takes away all that drivers leave, beside what those have that stay.

    kube-proxy does it itself: some of its chains are kubelet's too, which goes on needing them.
    """
    if any(driver.name == PROXY for driver in left):
        image = image_reference(PROXY, before.release, before.lock, before.mirror)
        ctr = f"{artifact_directory('containerd', after.release.files['containerd'])}/bin/ctr"
        yield remove_services_script(ctr, image)
    traces = sum((driver.traces for driver in left if driver.name != PROXY), HostTraces())
    traces = traces.without(host_traces(after.cluster, after.release.drivers))
    if traces != HostTraces():
        yield remove_traces_script(traces)


def _workloads(before: ClusterSession, left: Collection[Driver]) -> frozenset[Workload]:
    """Return what of the drivers had pods; their images need not be there any more."""
    add_ons = {SLOTS[driver.slot] for driver in left}
    manifests = render_manifests(before.cluster, before.release, any_lock(before.release), before.mirror)
    return frozenset(
        (one.namespace or "", one.name)
        for one in manifests
        if one.addon in add_ons and one.kind in {"DaemonSet", "Deployment", "StatefulSet"}
    )


def _running(client: KubernetesClient, gone: Collection[Workload], absent: Collection[str]) -> str:
    """Return which pods of what has gone are still there; a pod on an absent node cannot tell that it has ended."""
    found = [
        pod["metadata"]["name"]
        for namespace in sorted({namespace for namespace, _ in gone})
        for pod in client.list(PODS, namespace)
        if pod["spec"].get("nodeName") not in absent and {(namespace, name) for name in _owners(pod)} & set(gone)
    ]
    return f"{', '.join(found)} still there" if found else ""


def _owners(pod: dict[str, Any]) -> Iterator[str]:
    """Yield the names of what a pod is of; a replica set has the name of its deployment before its last part."""
    for owner in pod["metadata"].get("ownerReferences", ()):
        yield owner["name"].rpartition("-")[0] if owner["kind"] == "ReplicaSet" else owner["name"]
