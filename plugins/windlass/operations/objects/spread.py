"""Move one replica of the cluster's DNS where both are on one node, and another one could take it."""

from __future__ import annotations

from datetime import timedelta

from windlass.domain.apply.readiness import is_ready
from windlass.domain.objects.spread import crowded_pod
from windlass.domain.spec.drivers import spreads_dns
from windlass.effects.kubernetes.client import NODES, PODS, KubernetesClient, Object
from windlass.errors import NotReadyError
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.waiting import wait_until

_EVICTED = timedelta(seconds=30)
"""How long its disruption budget may forbid the eviction: as long as the other replica takes to serve."""


def spread_dns(session: ClusterSession, client: KubernetesClient) -> Changes:
    """Move the replica of CoreDNS that crowds its node, if one does; what was moved.

    What cannot be moved for now stays where it is, which is no failure: it serves there.
    """
    if not spreads_dns(session.cluster, session.release.drivers):
        return ()
    pod = crowded_pod(client.list(PODS), client.list(NODES))
    if pod is None:
        return ()
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
    try:
        _move(session, client, dict(pod))
    except NotReadyError as error:
        return (f"pod {name} stays on {node} beside the other replica of CoreDNS for now: {error}",)
    return (f"moved pod {name} off {node}, where the other replica of CoreDNS is",)


def _move(session: ClusterSession, client: KubernetesClient, pod: Object) -> None:
    metadata = pod["metadata"]

    def evict() -> str:
        client.evict(metadata["name"], metadata["namespace"])
        return ""

    if is_ready(pod):
        wait_until(evict, _EVICTED, f"evict pod {metadata['name']}", session.clock)
    else:  # it serves nobody, and its budget would keep it for just that reason
        client.delete(PODS, metadata["name"], metadata["namespace"], uid=metadata.get("uid", ""))
