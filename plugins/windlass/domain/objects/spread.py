"""Whether the replicas of the cluster's DNS stay on one node while others could take one; pure.

The scheduler spreads pods when they are made and never again: what was made while only one node was Ready stays there
(https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/#known-limitations).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from windlass.domain.apply.readiness import is_ready
from windlass.domain.rollout.disruption import Object, could_take

NAMESPACE = "kube-system"
_LABEL, _DNS = "k8s-app", "kube-dns"
_ENDED = frozenset({"Succeeded", "Failed"})


def crowded_pod(pods: Sequence[Object], nodes: Sequence[Object]) -> Object | None:
    """Return the replica of the DNS to move off its node; None if they are spread as far as nodes can take them.

    One that does not serve goes first, else the youngest. `pods` are all of the cluster, since they take room.
    """
    replicas = [pod for pod in pods if _is_replica(pod)]
    counts = Counter(pod["spec"]["nodeName"] for pod in replicas)
    if not counts:
        return None
    node, most = counts.most_common(1)[0]
    here = sorted(
        (pod for pod in replicas if pod["spec"]["nodeName"] == node),
        key=lambda pod: (not is_ready(pod), pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]),
    )
    others = [other for other in nodes if counts[other["metadata"]["name"]] <= most - 2]
    return here[-1] if any(could_take(other, pods, here[-1]) for other in others) else None


def _is_replica(pod: Object) -> bool:
    metadata = pod["metadata"]
    is_dns = metadata.get("namespace") == NAMESPACE and (metadata.get("labels") or {}).get(_LABEL) == _DNS
    is_alive = not metadata.get("deletionTimestamp") and pod.get("status", {}).get("phase") not in _ENDED
    is_cache = any(owner["kind"] == "DaemonSet" for owner in metadata.get("ownerReferences", ()))  # one of its node
    return is_dns and is_alive and not is_cache and bool(pod["spec"].get("nodeName"))
