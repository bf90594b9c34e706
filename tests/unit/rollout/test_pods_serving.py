from __future__ import annotations

from datetime import timedelta
from typing import Any

from unit.services import quick_clock
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.operations.rollout.pods_serving import serving_pods, wait_until_they_serve

SOON, AT_ONCE = timedelta(seconds=20), timedelta(0)


def pod(name: str, *, ready: bool = True, owner: str = "ReplicaSet", **metadata: Any) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    named = {"name": name, "namespace": "default", "uid": f"uid of {name}", "ownerReferences": [{"kind": owner}]}
    return {"metadata": {**named, **metadata}, "status": {"phase": "Running", "conditions": [condition]}}


class Looks(KubernetesClient):
    """An API that shows the pods of one node, at each look the next of some states and then the last."""

    def __init__(self, *states: list[dict[str, Any]]) -> None:
        self.states = list(states)

    def list(
        self, resource: Resource, namespace: str | None = None, selector: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        assert fields == "spec.nodeName=cp-1"
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


def test_pods_of_the_node_itself_and_those_that_are_not_ready_do_not_serve() -> None:
    shown = [pod("web"), pod("flannel", owner="DaemonSet"), pod("etcd", owner="Node"), pod("broken", ready=False)]
    assert serving_pods(Looks(shown), "cp-1") == {"uid of web"}


def test_a_pod_that_is_called_not_ready_for_a_moment_is_waited_for() -> None:
    api, told = Looks([pod("web", ready=False)], [pod("web")]), list[str]()

    wait_until_they_serve(api, "cp-1", {"uid of web"}, SOON, told.append, quick_clock())

    assert told == []
    assert api.states == [[pod("web")]]


def test_a_pod_that_does_not_come_back_is_told_and_holds_nothing_up() -> None:
    told: list[str] = []

    wait_until_they_serve(Looks([pod("web", ready=False)]), "cp-1", {"uid of web"}, AT_ONCE, told.append, quick_clock())

    assert told == ["cp-1: wait for pods that were ready before: not done after 0 s: default/web; the rollout goes on"]


def test_pods_that_were_not_ready_before_or_that_leave_are_not_waited_for() -> None:
    shown = [pod("broken", ready=False), pod("web", ready=False, deletionTimestamp="2026-01-01T00:00:00Z")]
    told: list[str] = []

    wait_until_they_serve(Looks(shown), "cp-1", {"uid of web"}, AT_ONCE, told.append, quick_clock())

    assert told == []
