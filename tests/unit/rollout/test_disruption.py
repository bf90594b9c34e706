from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from windlass.domain.host.layout import EVICTABLE
from windlass.domain.rollout.disruption import (
    drained_pods,
    homeless,
    impossible_budgets,
    orphans,
    quantity,
    returning_pods,
    selects,
    shared_pods,
    stranded_budgets,
)

SET = [{"kind": "ReplicaSet", "name": "web"}]


def pod(name: str, node: str = "w-1", owners: Any = SET, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "labels": {"app": "web"}, "ownerReferences": owners}
    return {"metadata": metadata, "spec": {"nodeName": node, "containers": [], **spec}, "status": {"phase": "Running"}}


def node(
    name: str, *taints: dict[str, str], cpu: str = "2", labels: Any = None, cordoned: bool = False
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": list(taints), "unschedulable": cordoned},
        "status": {
            "allocatable": {"cpu": cpu, "memory": "1Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def budget(expected: int, desired: int, name: str = "web") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {"expectedPods": expected, "desiredHealthy": desired, "disruptionsAllowed": 0},
    }


def test_a_nodes_own_pods_and_those_that_have_ended_stay() -> None:
    ended = pod("job") | {"status": {"phase": "Succeeded"}}
    own = pod("flannel", owners=[{"kind": "DaemonSet", "name": "flannel"}])
    assert drained_pods([pod("web"), own, ended, pod("other", node="w-2")], ["w-1"]) == [pod("web")]


def test_a_pod_that_nobody_would_make_again_is_named_unless_its_owner_allows_it() -> None:
    lonely = pod("lonely", owners=[])
    allowed = pod("allowed", owners=[])
    allowed["metadata"]["annotations"] = {EVICTABLE: "true"}
    leaving = pod("leaving", owners=[])
    leaving["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z"
    assert orphans([pod("web"), lonely, allowed, leaving]) == ["default/lonely"]


@pytest.mark.parametrize(
    ("expected", "desired", "impossible"), [(2, 2, True), (1, 1, True), (2, 1, False), (0, 1, False), (3, 2, False)]
)
def test_a_budget_is_impossible_only_if_it_never_lets_a_pod_go(
    expected: int, desired: int, *, impossible: bool
) -> None:
    assert bool(impossible_budgets([budget(expected, desired)], [pod("web")])) is impossible


def test_a_budget_of_pods_that_stay_is_no_matter() -> None:
    assert impossible_budgets([budget(2, 2)], []) == []


def test_a_budget_whose_pods_have_no_other_place_is_named_if_they_may_not_be_away() -> None:
    (told,) = stranded_budgets([budget(2, 1)], [pod("a"), pod("b")])
    assert told == "default/web: default/a, default/b have nowhere else to run, and 1 may be away"
    assert stranded_budgets([budget(2, 1)], [pod("a")]) == []
    assert stranded_budgets([budget(2, 2)], []) == []


def test_a_pod_under_two_budgets_is_named() -> None:
    (told,) = shared_pods([budget(2, 1), budget(2, 1, "again")], [pod("web")])
    assert told == "default/web is covered by default/web and default/again"


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_selectors_are_read_as_the_api_reads_them(selector: Any, *, selected: bool) -> None:
    assert selects(selector, {"app": "web"}) is selected


CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def test_pods_of_the_only_worker_have_nowhere_to_go_unless_they_tolerate_the_control_plane() -> None:
    nodes = [node("cp-1", CONTROL_PLANE), node("w-1")]
    tolerant = pod("tolerant", tolerations=[{"operator": "Exists"}])
    assert homeless(nodes, [pod("web"), tolerant], ["w-1"]) == [pod("web")]


def test_room_is_counted_pod_by_pod() -> None:
    big = {"containers": [{"resources": {"requests": {"cpu": "1500m"}}}]}
    pods = [pod("one", **big), pod("two", **big)]
    assert homeless([node("w-1"), node("w-2")], pods, ["w-1"]) == [pods[1]]
    assert homeless([node("w-1"), node("w-2", cpu="3")], pods, ["w-1"]) == []


def test_a_cordoned_node_and_one_without_the_label_take_nothing() -> None:
    picky = pod("picky", nodeSelector={"disk": "fast"})
    assert homeless([node("w-1"), node("w-2", cordoned=True)], [pod("web")], ["w-1"]) == [pod("web")]
    assert homeless([node("w-1"), node("w-2")], [picky], ["w-1"]) == [picky]
    assert homeless([node("w-1"), node("w-2", labels={"disk": "fast"})], [picky], ["w-1"]) == []


@pytest.mark.parametrize(
    ("text", "value"), [("250m", "0.25"), ("2", "2"), ("64Mi", "67108864"), ("1Gi", "1073741824"), ("1k", "1000")]
)
def test_quantities_are_read(text: str, value: str) -> None:
    assert quantity(text) == Decimal(value)


def tolerant(pod: dict[str, Any], **toleration: str) -> dict[str, Any]:
    return {**pod, "spec": {**pod["spec"], "tolerations": [toleration]}}


@pytest.mark.parametrize(
    ("toleration", "comes_back"),
    [
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}, False),
    ],
)
def test_what_tolerates_the_cordon_comes_back(toleration: dict[str, str], *, comes_back: bool) -> None:
    owned = {"metadata": {"name": "a", "namespace": "x", "ownerReferences": [{"kind": "ReplicaSet"}]}, "spec": {}}
    alone = {"metadata": {"name": "b", "namespace": "x"}, "spec": {}}
    pods = [tolerant(owned, **toleration), tolerant(alone, **toleration)]
    assert returning_pods(pods) == (["x/a"] if comes_back else [])


def test_what_may_go_back_where_it_was_needs_no_other_place() -> None:
    owned = {"metadata": {"name": "a", "namespace": "x", "ownerReferences": [{"kind": "ReplicaSet"}]}}
    pod: dict[str, Any] = {**owned, "spec": {"nodeName": "w-1", "containers": []}, "status": {"phase": "Running"}}
    assert homeless([], [pod], ["w-1"]) == [pod]
    assert homeless([], [tolerant(pod, operator="Exists")], ["w-1"]) == []
