from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from unit.objects.conftest import cluster_with
from windlass.domain.objects.spread import crowded_pod
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.errors import NotReadyError
from windlass.operations.cluster import ClusterSession
from windlass.operations.objects.spread import spread_dns
from world.objects import ObjectsApi

READY = {"type": "Ready", "status": "True"}


def node(name: str, **spec: Any) -> dict[str, Any]:
    allocatable = {"cpu": "2", "memory": "4Gi", "pods": "110"}
    labels = {"kubernetes.io/os": "linux"}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": {"conditions": [READY], "allocatable": allocatable},
    }


def pod(name: str, where: str, *, is_ready: bool = True, **metadata: Any) -> dict[str, Any]:
    tolerations = [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}]
    requests = {"cpu": "100m", "memory": "70Mi"}
    return {
        "metadata": {"name": name, "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}, **metadata},
        "spec": {
            "nodeName": where,
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": tolerations,
            "containers": [{"resources": {"requests": requests}}],
        },
        "status": {"phase": "Running", "conditions": [READY] if is_ready else []},
    }


def moved(pods: list[dict[str, Any]], nodes: list[dict[str, Any]]) -> str | None:
    found = crowded_pod(pods, nodes)
    return None if found is None else found["metadata"]["name"]


BOTH = [
    pod("a", "cp-1", creationTimestamp="2026-11-29T10:00:00Z"),
    pod("b", "cp-1", creationTimestamp="2026-11-29T10:00:01Z"),
]


def test_of_two_on_one_node_the_younger_is_moved() -> None:
    assert moved(BOTH, [node("cp-1"), node("w-1")]) == "b"


def test_one_that_does_not_serve_is_moved_first() -> None:
    unready = pod("a", "cp-1", is_ready=False)
    assert moved([unready, BOTH[1]], [node("cp-1"), node("w-1")]) == "a"


def test_those_that_are_spread_stay() -> None:
    assert moved([BOTH[0], pod("b", "w-1")], [node("cp-1"), node("w-1"), node("w-2")]) is None


def test_one_that_is_going_already_counts_no_more() -> None:
    going = pod("b", "cp-1", deletionTimestamp="now")
    assert moved([BOTH[0], going], [node("cp-1"), node("w-1")]) is None


def test_caches_of_nodes_are_no_replicas() -> None:
    owner = [{"kind": "DaemonSet", "name": "node-dns-cache"}]
    caches = [pod(f"cache-{where}", where, ownerReferences=owner, creationTimestamp="z") for where in ("cp-1", "w-1")]
    assert moved([*BOTH, *caches], [node("cp-1"), node("w-1")]) == "b"
    assert moved([BOTH[0], pod("b", "w-1"), caches[0]], [node("cp-1"), node("w-1"), node("w-2")]) is None


TAINT = {"key": "gpu", "effect": "NoSchedule"}
CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    "other",
    [
        node("w-1", unschedulable=True),
        node("w-1", taints=[TAINT]),
        {**node("w-1"), "metadata": {"name": "w-1", "labels": {}}},
        {**node("w-1"), "status": {"conditions": [], "allocatable": {"cpu": "2", "memory": "4Gi"}}},
        {**node("w-1"), "status": {"conditions": [READY], "allocatable": {"cpu": "50m", "memory": "4Gi"}}},
    ],
)
def test_without_another_node_that_could_take_one_both_stay(other: dict[str, Any]) -> None:
    assert moved(BOTH, [node("cp-1"), other]) is None


def test_a_taint_that_it_tolerates_keeps_it_off_no_node() -> None:
    assert moved(BOTH, [node("cp-1"), node("cp-2", taints=[CONTROL_PLANE])]) == "b"


def put(api: ObjectsApi, *pods: dict[str, Any]) -> None:
    for one in [node("cp-1"), node("w-1")]:
        api.put("nodes", one)
    for one in pods:
        api.put("pods", one)


def test_one_is_evicted(session: ClusterSession, client: KubernetesClient, api: ObjectsApi) -> None:
    put(api, *BOTH)
    assert spread_dns(session, client) == ("moved pod b off cp-1, where the other replica of CoreDNS is",)
    assert api.names("pods") == {"a"}
    assert spread_dns(session, client) == ()


def test_a_budget_that_forbids_it_is_no_failure(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str, namespace: str) -> None:
        raise NotReadyError(f"{namespace}/{name}: its disruption budget forbids it")

    monkeypatch.setattr(client, "evict", refused)
    put(api, *BOTH)
    (said,) = spread_dns(session, client)
    assert said.startswith("pod b stays on cp-1 beside the other replica of CoreDNS for now")
    assert api.names("pods") == {"a", "b"}


def test_a_dns_of_the_users_own_is_left_alone(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    put(api, *BOTH)
    own = replace(session, cluster=cluster_with(dns={"driver": "none"}))
    assert spread_dns(own, client) == ()
