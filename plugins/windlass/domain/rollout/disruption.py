"""Whether pods can leave the nodes that are drained: budgets, and room elsewhere. Pure.

Objects are the API's own JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from windlass.domain.apply.readiness import is_ready
from windlass.domain.host.layout import EVICTABLE

Object = Mapping[str, Any]

_UNITS = {
    "m": Decimal("0.001"),
    "k": Decimal(1000),
    "M": Decimal(1000**2),
    "G": Decimal(1000**3),
    "T": Decimal(1000**4),
    "Ki": Decimal(1024),
    "Mi": Decimal(1024**2),
    "Gi": Decimal(1024**3),
    "Ti": Decimal(1024**4),
}


def name_of(found: Object) -> str:
    """Return `namespace/name`, or the name alone where there is no namespace."""
    metadata = found["metadata"]
    return "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)


def leaves_with_drain(pod: Object) -> bool:
    """Whether a drain evicts this pod: it is not its node's own, and has not ended."""
    owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])}
    return not owners & {"DaemonSet", "Node"} and pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}


def drained_pods(pods: Iterable[Object], nodes: Iterable[str]) -> list[Object]:
    """Return the pods that must leave `nodes`."""
    desired = set(nodes)
    return [pod for pod in pods if pod["spec"].get("nodeName") in desired and leaves_with_drain(pod)]


_CORDON: Object = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def tolerates_cordon(pod: Object) -> bool:
    """Whether a pod may be put on a node that is cordoned."""
    return any(_tolerates(one, _CORDON) for one in pod["spec"].get("tolerations", []))


def returning_pods(pods: Iterable[Object]) -> list[str]:
    """Return those of `pods` (which must leave) that their controllers put back on the node while it is cordoned."""
    return sorted(name_of(pod) for pod in pods if pod["metadata"].get("ownerReferences") and tolerates_cordon(pod))


def orphans(pods: Iterable[Object]) -> list[str]:
    """Return the pods that nobody would recreate elsewhere; one that is being deleted is no loss."""
    return [
        name_of(pod)
        for pod in pods
        if not pod["metadata"].get("ownerReferences")
        and "deletionTimestamp" not in pod["metadata"]
        and pod["metadata"].get("annotations", {}).get(EVICTABLE) != "true"
    ]


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector of the API selects an object with these labels; an empty one selects all."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_matches(expression, labels) for expression in selector.get("matchExpressions", []))


def _matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = expression["key"], expression["operator"], expression.get("values", [])
    if operator in {"In", "NotIn"}:
        return (labels.get(key) in values) is (operator == "In")
    return (key in labels) is (operator == "Exists")


def impossible_budgets(budgets: Iterable[Object], pods: Sequence[Object]) -> list[str]:
    """Return the budgets that no eviction of any of `pods` (those that must leave) can ever meet.

    A budget that merely has no disruption left at the moment may be met later, and is waited for.
    """
    told = []
    for budget in budgets:
        status = budget.get("status", {})
        expected, desired = status.get("expectedPods", 0), status.get("desiredHealthy", 0)
        covered = [pod for pod in pods if _covers(budget, pod)]
        if covered and expected > 0 and desired >= expected:
            told.append(f"{name_of(budget)} wants {desired} of {expected} pods healthy, so {name_of(covered[0])} stays")
    return told


def stranded_budgets(budgets: Iterable[Object], without_place: Sequence[Object]) -> list[str]:
    """Return the budgets that pods without another place (`without_place`) would break: their drain would never end."""
    told = []
    for budget in budgets:
        status = budget.get("status", {})
        spare = status.get("expectedPods", 0) - status.get("desiredHealthy", 0)
        covered = [name_of(pod) for pod in without_place if _covers(budget, pod)]
        if len(covered) > spare >= 0 and covered:
            told.append(f"{name_of(budget)}: {', '.join(covered)} have nowhere else to run, and {spare} may be away")
    return told


def shared_pods(budgets: Sequence[Object], pods: Iterable[Object]) -> list[str]:
    """Return pods that more than one budget covers: the API refuses to evict them whatever their state.

    https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/ (it answers 500)
    """
    told = []
    for pod in pods:
        names = [name_of(budget) for budget in budgets if _covers(budget, pod)]
        if len(names) > 1:
            told.append(f"{name_of(pod)} is covered by {' and '.join(names)}")
    return told


def _covers(budget: Object, pod: Object) -> bool:
    same = budget["metadata"].get("namespace") == pod["metadata"].get("namespace")
    return same and selects(budget["spec"].get("selector"), pod["metadata"].get("labels", {}))


@dataclass(frozen=True)
class NodeCapacity:
    """What one node can still take."""

    node: Object
    cpu: Decimal
    memory: Decimal
    pods: int

    def takes(self, pod: Object) -> bool:
        """Whether the pod may run here and fits."""
        cpu, memory = requests_of(pod)
        return _may_run(pod, self.node) and cpu <= self.cpu and memory <= self.memory and self.pods > 0

    def with_pod(self, pod: Object) -> NodeCapacity:
        """Return the room that is left with the pod on it."""
        cpu, memory = requests_of(pod)
        return NodeCapacity(self.node, self.cpu - cpu, self.memory - memory, self.pods - 1)


def homeless(nodes: Sequence[Object], pods: Sequence[Object], drained: Sequence[str]) -> list[Object]:
    """Return the pods of the `drained` nodes that no other node could take: they wait until their node is back.

    A first-fit by requests, node selectors and taints; affinities are left to the scheduler. What tolerates the cordon
    may go back where it was.
    """
    rooms = [_room(node, pods) for node in nodes if node["metadata"]["name"] not in drained and _is_open(node)]
    told: list[Object] = []
    for pod in drained_pods(pods, drained):
        if tolerates_cordon(pod):
            continue
        place = next((number for number, room in enumerate(rooms) if room.takes(pod)), None)
        if place is None:
            told.append(pod)
        else:
            rooms[place] = rooms[place].with_pod(pod)
    return told


def could_take(node: Object, pods: Sequence[Object], pod: Object) -> bool:
    """Whether a node is Ready and open and could take the pod beside those of `pods` that run there."""
    return _is_open(node) and _room(node, pods).takes(pod)


def _room(node: Object, pods: Sequence[Object]) -> NodeCapacity:
    allocatable = node["status"].get("allocatable", {})
    mine = [pod for pod in pods if pod["spec"].get("nodeName") == node["metadata"]["name"]]
    alive = [pod for pod in mine if pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}]
    used = [requests_of(pod) for pod in alive]
    return NodeCapacity(
        node,
        quantity(allocatable.get("cpu", "0")) - sum((cpu for cpu, _ in used), Decimal(0)),
        quantity(allocatable.get("memory", "0")) - sum((memory for _, memory in used), Decimal(0)),
        int(allocatable.get("pods", "110")) - len(alive),
    )


def _is_open(node: Object) -> bool:
    return is_ready(node) and not node["spec"].get("unschedulable", False)


def _may_run(pod: Object, node: Object) -> bool:
    labels = node["metadata"].get("labels", {})
    if any(labels.get(key) != value for key, value in pod["spec"].get("nodeSelector", {}).items()):
        return False
    taints = [taint for taint in node["spec"].get("taints", []) if taint["effect"] in {"NoSchedule", "NoExecute"}]
    return all(any(_tolerates(one, taint) for one in pod["spec"].get("tolerations", [])) for taint in taints)


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in {None, "", taint["effect"]}:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in {None, "", taint["key"]}
    return bool(toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def requests_of(pod: Object) -> tuple[Decimal, Decimal]:
    """Return the processors and the bytes of memory that the pod's containers ask for together."""
    asked = [container.get("resources", {}).get("requests", {}) for container in pod["spec"].get("containers", [])]
    cpu = sum((quantity(one.get("cpu", "0")) for one in asked), Decimal(0))
    return cpu, sum((quantity(one.get("memory", "0")) for one in asked), Decimal(0))


def quantity(text: str) -> Decimal:
    """Read a quantity of the API, such as `250m`, `64Mi` or `2`."""
    unit = next((unit for unit in sorted(_UNITS, key=len, reverse=True) if text.endswith(unit)), "")
    return Decimal(text.removesuffix(unit)) * _UNITS.get(unit, Decimal(1))


def local_volumes(volumes: Iterable[Object], nodes: Collection[str]) -> Iterator[str]:
    """Yield the claimed volumes that only one of `nodes` can give, such as those of local-path."""
    for volume in volumes:
        claim = volume["spec"].get("claimRef")
        terms = volume["spec"].get("nodeAffinity", {}).get("required", {}).get("nodeSelectorTerms", [])
        places = {
            value
            for term in terms
            for one in term.get("matchExpressions", [])
            if one["key"] == "kubernetes.io/hostname" and one["operator"] == "In"
            for value in one["values"]
        }
        if claim and places and places <= set(nodes):
            yield f"{claim['namespace']}/{claim['name']} lies on {', '.join(sorted(places))}"
