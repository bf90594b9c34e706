"""Cordon and drain a node within its disruption budgets, and open it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from windlass.domain.host.layout import CORDONED
from windlass.domain.rollout.disruption import name_of
from windlass.domain.rollout.eviction import DrainWatch
from windlass.effects.clock import Clock
from windlass.effects.kubernetes.client import NODES, PODS, KubernetesClient
from windlass.errors import NotReadyError, RefusedError, UnreachableError, WindlassError

_PAUSE_SECONDS = 0.5


class DrainError(WindlassError):
    """A node could not be drained in time; the message names the pods, and what keeps them."""


def cordon(client: KubernetesClient, node: str) -> bool:
    """Keep new pods off a node; whether that had to be done. A node that is cordoned already is left as it is."""
    found = client.get(NODES, node)
    if found is None:
        raise NotReadyError(f"{node}: the API knows no such node (yet)")
    if found["spec"].get("unschedulable"):
        return False
    client.patch(NODES, node, {"metadata": {"annotations": {CORDONED: "true"}}, "spec": {"unschedulable": True}})
    return True


def uncordon(client: KubernetesClient, node: str) -> bool:
    """Open a node that a rollout cordoned; whether that had to be done."""
    found = client.get(NODES, node)
    if found is None or not is_ours(found):
        return False
    client.patch(NODES, node, {"metadata": {"annotations": {CORDONED: None}}, "spec": {"unschedulable": None}})
    return True


def is_ours(node: dict[str, Any]) -> bool:
    """Whether a rollout cordoned the node, and has not opened it again."""
    return bool(node["metadata"].get("annotations", {}).get(CORDONED) == "true")


def drain_node(
    client: KubernetesClient, node: str, within: timedelta, tell: Callable[[str], None], clock: Clock
) -> int:
    """Evict all pods that are not the node's own, and wait until they are gone; how many there were.

    What came back since, as a pod does that tolerates the cordon, is told once, and not waited for.
    DrainError after `within`, with the name of each pod that is left and of the budget that keeps it.
    """
    deadline = clock.monotonic() + within.total_seconds()
    reasons: dict[str, str] = {}
    seen: set[str] = set()
    stay: set[str] = set()
    watch = DrainWatch()
    while True:
        try:
            found = watch.sort(pods_on(client, node))
        except (NotReadyError, UnreachableError):
            found = None
        if found is not None:
            _tell_who_stays(node, {name_of(pod) for pod in found.returned} - stay, tell)
            stay |= {name_of(pod) for pod in found.returned}
            if not found.leaving:
                return len(seen)
        left = found.leaving if found is not None else ()
        for pod in left:
            if name_of(pod) not in seen:
                tell(f"{node}: evicting {name_of(pod)}")
            seen.add(name_of(pod))
            reasons[name_of(pod)] = _evict(client, pod)
        if clock.monotonic() > deadline:
            raise _too_long(node, within, {name_of(pod): reasons[name_of(pod)] for pod in left})
        clock.sleep(_PAUSE_SECONDS)


def _tell_who_stays(node: str, pods: set[str], tell: Callable[[str], None]) -> None:
    for pod in sorted(pods):
        tell(f"{node}: {pod} came back to the cordoned node; it is not waited for")


def pods_on(client: KubernetesClient, node: str) -> list[dict[str, Any]]:
    """Return all pods on a node."""
    return client.list(PODS, fields=f"spec.nodeName={node}")


def _evict(client: KubernetesClient, pod: Mapping[str, Any]) -> str:
    """Ask for a pod's eviction; why it stays, or that it is on its way out."""
    if "deletionTimestamp" in pod["metadata"]:
        return "it has not ended yet"
    try:
        client.evict(pod["metadata"]["name"], pod["metadata"]["namespace"])
    except (NotReadyError, UnreachableError) as error:
        return str(error).partition(": 429 ")[2] or str(error)
    except RefusedError as error:
        # Its namespace is being removed, and so will it be: until it is, the API allows nothing new there.
        if "being terminated" not in str(error):
            raise
    return "it has not ended yet"


def _too_long(node: str, within: timedelta, left: dict[str, str]) -> DrainError:
    told = "; ".join(f"{name}: {reason}" for name, reason in left.items()) or "the API does not answer"
    return DrainError(
        f"{node}: not drained after {within.total_seconds():.0f} s: {told}; make more replicas healthy or widen the "
        "budget, then run the same rollout again"
    )
