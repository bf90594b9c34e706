"""Take off all hosts what add-ons have left in their kernels, once these add-ons have left the cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta

from windlass.domain.catalog.drivers import NONE
from windlass.domain.host.layout import artifact_directory
from windlass.domain.rendering.images import image_reference
from windlass.domain.scripts.left_rules import remove_services_script, remove_tables_script
from windlass.domain.scripts.script import Script
from windlass.domain.spec.drivers import PROXY, SYSTEM_NAMESPACE, picked_drivers
from windlass.effects.kubernetes.client import PODS, KubernetesClient
from windlass.operations.cluster import Changes, ClusterSession, run_script
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.waiting import wait_until

_ENDED = timedelta(minutes=2)


def remove_left_rules(rollout: RolloutContext, client: KubernetesClient, absent: Collection[str]) -> Changes:
    """Remove the rules of add-ons that the spec no longer picks, where their pods have ended.

    Nodes that are `absent` keep them until they start again: rules of the kernel do not outlive it.
    """
    scripts = dict(_scripts(rollout.before, rollout.session))
    if not scripts:
        return ()
    wait_until(lambda: _running(client, scripts, absent), _ENDED, "wait until pods end", rollout.session.clock)
    nodes = [host for host in rollout.session.hosts if host.is_node and host.name not in absent]
    changed = rollout.session.on_hosts(
        "remove what add-ons left",
        nodes,
        lambda _, connection: [text for one in scripts.values() for text in run_script(connection, one)],
    )
    return tuple(f"{name}: {text}" for name, texts in changed.items() for text in texts)


def _scripts(before: ClusterSession, after: ClusterSession) -> Iterator[tuple[str, Script]]:
    """Yield the script for each driver that leaves with its daemon set, which has its name, and leaves rules behind."""
    if before.cluster.spec.network.proxy != NONE and after.cluster.spec.network.proxy == NONE:
        image = image_reference(PROXY, before.release, before.lock, before.mirror)
        ctr = f"{artifact_directory('containerd', after.release.files['containerd'])}/bin/ctr"
        yield PROXY, remove_services_script(ctr, image)
    stays = {one.driver.id for one in picked_drivers(after.cluster, after.release.drivers)}
    for driver in (one.driver for one in picked_drivers(before.cluster, before.release.drivers)):
        if driver.id not in stays and driver.name != PROXY and driver.traces.tables:
            yield driver.name, remove_tables_script(driver.traces.tables)


def _running(client: KubernetesClient, daemon_sets: Collection[str], absent: Collection[str]) -> str:
    """Return which pods of daemon sets are still there; a pod on an absent node cannot tell that it has ended."""
    found = [
        pod["metadata"]["name"]
        for pod in client.list(PODS, SYSTEM_NAMESPACE)
        if pod["spec"].get("nodeName") not in absent
        for owner in pod["metadata"].get("ownerReferences", ())
        if owner["kind"] == "DaemonSet" and owner["name"] in daemon_sets
    ]
    return f"{', '.join(found)} still there" if found else ""
