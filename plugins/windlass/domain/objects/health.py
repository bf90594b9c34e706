"""How the add-ons of a cluster are: what differs from the spec, what of them is not available, which pods are stuck."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.apply.readiness import is_ready
from windlass.domain.objects.drift import ObjectDrift
from windlass.domain.objects.spread import crowded_pod
from windlass.domain.rollout.disruption import Object, name_of, selects

DNS = "dns"
_STUCK_REASONS = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "ImagePullBackOff",
        "ErrImagePull",
    }
)
_UNREADY_FOR = timedelta(minutes=2)
"""Longer than any add-on needs to start: a pod that runs and is not ready for so long hangs."""


@dataclass(frozen=True)
class Workload:
    """A deployment or daemon set of an add-on, as it is."""

    addon: str
    found: Object
    """The object, of the API's own JSON."""

    @property
    def kind(self) -> str:
        """Kind of the object."""
        return str(self.found["kind"])

    def trouble(self, not_ready: int) -> str:
        """Return what is not available of it, beside what `not_ready` nodes explain; empty if it does its work."""
        spec, status = self.found["spec"], self.found.get("status", {})
        if self.kind == "Deployment":
            desired, available = spec.get("replicas", 1), status.get("availableReplicas", 0)
        else:
            desired, available = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
        return workload_trouble(f"{self.kind} {name_of(self.found)}", desired, available, not_ready)


def workload_trouble(name: str, desired: int, available: int, not_ready: int) -> str:
    """Return what is not available of a workload; empty if it is, as far as nodes that are not Ready let it be.

    A deployment of which nothing is available serves nobody, whatever the reason.
    """
    serves_nobody = desired > 0 and available == 0 and not name.startswith("DaemonSet")
    if desired - available <= not_ready and not serves_nobody:
        return ""
    return f"{name}: {available} of {desired} available"


@dataclass(frozen=True)
class StuckPod:
    """A pod that does not come up by itself, and why."""

    namespace: str
    name: str
    uid: str
    why: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}: {self.why}"


@dataclass(frozen=True)
class AddonHealth:
    """How one add-on is."""

    addon: str
    drift: tuple[str, ...] = ()
    """Its objects that are missing or differ, in words."""
    trouble: str = ""
    """What of it is not available; empty if all is."""
    stuck: tuple[StuckPod, ...] = ()
    is_crowded: bool = False
    """Whether its replicas are on one node where another could take one."""


@dataclass(frozen=True)
class ObservedAddons:
    """What the API says that matters to the health of add-ons."""

    drifts: Sequence[tuple[str, ObjectDrift]]
    """What is missing or differs, by add-on."""
    workloads: Sequence[Workload]
    pods: Sequence[Object]
    nodes: Sequence[Object]
    has_own_dns: bool
    """Whether CoreDNS is Windlass's own."""


def addon_health(observed: ObservedAddons, now: datetime) -> tuple[AddonHealth, ...]:
    """Return how each add-on is that something is to be said of, by what was observed at `now`."""
    ready = {node["metadata"]["name"] for node in observed.nodes if is_ready(node)}
    not_ready = len(observed.nodes) - len(ready)
    is_crowded = observed.has_own_dns and crowded_pod(observed.pods, observed.nodes) is not None
    addons = dict.fromkeys([*(addon for addon, _ in observed.drifts), *(one.addon for one in observed.workloads), DNS])
    found = []
    for addon in addons:
        workloads = [one for one in observed.workloads if one.addon == addon]
        troubles = [trouble for one in workloads if (trouble := one.trouble(not_ready))]
        drift = tuple(str(drift) for name, drift in observed.drifts if name == addon)
        stuck = tuple(pod for one in workloads for pod in _stuck(one, observed.pods, ready, now)) if troubles else ()
        found.append(AddonHealth(addon, drift, "; ".join(troubles), stuck, is_crowded=is_crowded and addon == DNS))
    return tuple(found)


def _stuck(workload: Workload, pods: Iterable[Object], ready: set[str], now: datetime) -> Iterator[StuckPod]:
    namespace, selector = workload.found["metadata"]["namespace"], workload.found["spec"]["selector"]
    for pod in pods:
        metadata = pod["metadata"]
        is_its = metadata.get("namespace") == namespace and selects(selector, metadata.get("labels") or {})
        # Where no kubelet answers, or one is at it already, deleting the pod changes nothing.
        if is_its and not metadata.get("deletionTimestamp") and pod["spec"].get("nodeName") in ready:
            why = _why_stuck(pod, now)
            if why:
                yield StuckPod(namespace, metadata["name"], metadata.get("uid", ""), why)


def _why_stuck(pod: Object, now: datetime) -> str:
    for container in [*_statuses(pod, "initContainerStatuses"), *_statuses(pod, "containerStatuses")]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _STUCK_REASONS:
            return str(waiting["reason"])
    since = next((one.get("lastTransitionTime") for one in _conditions(pod) if _is_unready(one)), None)
    if since is not None and now - datetime.fromisoformat(since) > _UNREADY_FOR:
        return f"not ready since {since}"
    return ""


def _statuses(pod: Object, key: str) -> Sequence[Mapping[str, Any]]:
    return pod.get("status", {}).get(key) or ()


def _conditions(pod: Object) -> Sequence[Mapping[str, Any]]:
    return pod.get("status", {}).get("conditions") or ()


def _is_unready(condition: Mapping[str, Any]) -> bool:
    return bool(condition["type"] == "Ready" and condition["status"] == "False")
