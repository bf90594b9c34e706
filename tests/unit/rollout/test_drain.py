from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.services import BEGIN, quick_clock
from windlass.domain.host.layout import CORDONED
from windlass.domain.rollout.eviction import DrainWatch
from windlass.effects.kubernetes.client import Resource
from windlass.errors import NotReadyError, RefusedError, UnreachableError
from windlass.operations.rollout.drain import DrainError, cordon, drain_node, uncordon
from windlass.operations.rollout.empty_node import LEASES, empty_node

LONG, NONE = timedelta(minutes=1), timedelta(0)


class FakeApi:
    """The few calls that draining makes, on one node and its pods."""

    def __init__(self, *pods: str, blocked: tuple[str, ...] = (), own: tuple[str, ...] = ()) -> None:
        self.node: dict[str, Any] | None = {"metadata": {"name": "w-1"}, "spec": {}}
        self.pods = {name: self._pod(name, "DaemonSet" if name in own else "ReplicaSet") for name in (*pods, *own)}
        self.blocked = set(blocked)
        self.refused: dict[str, str] = {}
        """What the API says once to the eviction of a pod."""
        self.away = 0
        self.leads, self.renewed = True, timedelta(hours=1)

    def _pod(self, name: str, owner: str) -> dict[str, Any]:
        metadata = {"name": name, "namespace": "default", "ownerReferences": [{"kind": owner}]}
        return {"metadata": metadata, "spec": {"nodeName": "w-1"}, "status": {"phase": "Running"}}

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        if resource is not LEASES:
            return self.node
        assert (namespace, name) == ("kube-system", "kube-controller-manager")
        self.renewed += timedelta(seconds=self.leads)
        times = {"acquireTime": BEGIN.isoformat(), "renewTime": (BEGIN + self.renewed).isoformat()}
        return {"spec": {"holderIdentity": "cp-1", **times}}

    def patch(self, resource: Resource, name: str, change: dict[str, Any]) -> None:
        assert self.node is not None
        annotations = self.node["metadata"].setdefault("annotations", {})
        annotations.update(change["metadata"]["annotations"])
        self.node["spec"].update(change["spec"])

    def list(self, resource: Resource, fields: str) -> list[dict[str, Any]]:
        assert fields == "spec.nodeName=w-1"
        if self.away:
            self.away -= 1
            raise UnreachableError("no answer")
        return list(self.pods.values())

    def evict(self, name: str, namespace: str) -> None:
        if name in self.refused:
            message = self.refused.pop(name)
            if "terminated" in message:
                del self.pods[name]
            raise RefusedError(f"https://api: cannot evict pod: 403 {message}")
        if name in self.blocked:
            raise NotReadyError(f"https://api: cannot evict pod: 429 Cannot evict pod {name}: budget web needs 2")
        del self.pods[name]


def drain(api: Any, within: timedelta, tell: Callable[[str], None] = print) -> int:
    return drain_node(api, "w-1", within, tell, quick_clock())


def test_all_but_the_nodes_own_pods_leave() -> None:
    api, told = FakeApi("a", "b", own=("flannel",)), []
    assert drain(api, LONG, told.append) == 2
    assert set(api.pods) == {"flannel"}
    assert told == ["w-1: evicting default/a", "w-1: evicting default/b"]


class ComingBack(FakeApi):
    """A controller puts each pod of its own back on the node as soon as it is evicted."""

    def __init__(self, *pods: str, tolerations: tuple[dict[str, str], ...] = ()) -> None:
        super().__init__(*pods)
        self.made = 0
        for name in pods:
            self.pods[name] = self._made(name, tolerations)

    def _made(self, name: str, tolerations: tuple[dict[str, str], ...]) -> dict[str, Any]:
        self.made += 1
        made = self._pod(name, "ReplicaSet")
        made["metadata"] |= {"uid": f"{name}-{self.made}"}
        made["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "controller": True, "uid": name}]
        return made | {"spec": {"nodeName": "w-1", "tolerations": list(tolerations)}}

    def evict(self, name: str, namespace: str) -> None:
        tolerations = tuple(self.pods[name]["spec"]["tolerations"])
        super().evict(name, namespace)
        self.pods[name] = self._made(name, tolerations)


def test_what_tolerates_the_cordon_is_evicted_once_and_not_waited_for() -> None:
    api, told = ComingBack("a", "b", tolerations=({"operator": "Exists"},)), []
    assert drain(api, LONG, told.append) == 2
    assert api.made == 4
    assert told == [
        "w-1: evicting default/a",
        "w-1: evicting default/b",
        "w-1: default/a came back to the cordoned node; it is not waited for",
        "w-1: default/b came back to the cordoned node; it is not waited for",
    ]


def test_what_a_controller_puts_there_past_the_scheduler_is_not_evicted_for_ever() -> None:
    api = ComingBack("a")
    assert drain(api, LONG) == 1
    assert api.made == 5


def test_what_came_back_does_not_hide_what_has_not_left() -> None:
    api = ComingBack("a", "b", tolerations=({"operator": "Exists"},))
    api.blocked = {"b"}
    with pytest.raises(DrainError, match=r"default/b: Cannot evict pod b: budget web needs 2; make"):
        drain(api, timedelta(seconds=2))
    assert api.made == 3


class Controllers:
    """A node whose pods come back, each as its kind does, and a machine that says which are to be evicted."""

    def __init__(self, kinds: list[str]) -> None:
        self.made = 0
        self.pods: dict[int, dict[str, Any]] = {}
        self.kinds = dict(enumerate(kinds))
        self.first = {self.put(number)["metadata"]["uid"] for number in self.kinds}

    def put(self, number: int) -> dict[str, Any]:
        self.made += 1
        tolerations = [{"operator": "Exists"}] if self.kinds[number] == "tolerant" else []
        owner = {"kind": "ReplicaSet", "controller": True, "uid": f"set-{number}"}
        metadata = {"name": f"p-{number}", "namespace": "x", "uid": f"{self.made}", "ownerReferences": [owner]}
        pod = {"metadata": metadata, "spec": {"tolerations": tolerations}, "status": {"phase": "Running"}}
        self.pods[number] = pod
        return pod

    def evict(self, pod: Any) -> None:
        number = int(pod["metadata"]["name"].partition("-")[2])
        del self.pods[number]
        if self.kinds[number] != "moves":
            self.put(number)


@given(st.lists(st.sampled_from(["moves", "tolerant", "pinned"]), max_size=5), st.randoms())
def test_every_drain_ends_and_nothing_that_was_there_stays(kinds: list[str], random: Any) -> None:
    node_pods, watch = Controllers(kinds), DrainWatch()
    for _ in range(40):
        leaving = watch.sort(node_pods.pods.values()).leaving
        if not leaving:
            break
        node_pods.evict(random.choice(leaving))
    left = watch.sort(node_pods.pods.values())
    assert left.leaving == ()
    assert not {pod["metadata"]["uid"] for pod in node_pods.pods.values()} & node_pods.first
    assert {node_pods.kinds[int(pod["metadata"]["name"][2:])] for pod in left.returned} <= {"tolerant", "pinned"}


def test_an_api_that_is_away_for_a_moment_is_asked_again() -> None:
    api = FakeApi("a")
    api.away = 3
    assert drain(api, LONG) == 1


def test_a_pod_whose_namespace_is_being_removed_is_waited_for() -> None:
    api = FakeApi("a")
    api.refused["a"] = "unable to create new content in namespace x because it is being terminated"
    assert drain(api, LONG) == 1


@pytest.fixture
def rollout() -> Any:
    rollout: Any = Mock()
    rollout.session.cluster.spec.upgrade.drain_seconds = 60
    rollout.session.clock = quick_clock()
    return rollout


def test_a_node_that_may_not_be_drained_is_open_again(rollout: Any) -> None:
    api: Any = FakeApi("a")
    api.refused["a"] = 'admission webhook "no" denied the request'
    with pytest.raises(RefusedError, match="denied the request"):
        empty_node(rollout, api, "w-1")
    assert api.node["spec"]["unschedulable"] is None


def test_no_pod_leaves_while_nobody_would_lead_its_service_elsewhere(rollout: Any) -> None:
    api: Any = FakeApi("a")
    api.leads = False
    with pytest.raises(NotReadyError, match="w-1: before its pods leave it: not done after 60 s: cp-1 leads, and has"):
        empty_node(rollout, api, "w-1")
    assert set(api.pods) == {"a"}
    assert "unschedulable" not in api.node["spec"]


def test_pods_leave_once_somebody_leads(rollout: Any) -> None:
    api: Any = FakeApi("a")
    empty_node(rollout, api, "w-1")
    assert not api.pods


def test_what_keeps_a_pod_is_told_with_its_name_once_time_is_over() -> None:
    with pytest.raises(
        DrainError, match=r"w-1: not drained after 0 s: default/a: Cannot evict pod a: budget web needs 2"
    ):
        drain(FakeApi("a", "b", blocked=("a",)), NONE)


def test_a_roll_opens_only_the_nodes_that_it_closed() -> None:
    api: Any = FakeApi()
    assert cordon(api, "w-1")
    assert not cordon(api, "w-1")
    assert api.node["metadata"]["annotations"] == {CORDONED: "true"}
    assert uncordon(api, "w-1")
    assert api.node["spec"]["unschedulable"] is None
    assert not uncordon(api, "w-1")

    api.node = {"metadata": {"name": "w-1"}, "spec": {"unschedulable": True}}
    assert not cordon(api, "w-1")
    assert not uncordon(api, "w-1")
    assert api.node["spec"]["unschedulable"] is True


def test_a_node_that_the_api_does_not_know_is_not_there_yet() -> None:
    api: Any = FakeApi()
    api.node = None
    with pytest.raises(NotReadyError, match="no such node"):
        cordon(api, "w-1")
    assert not uncordon(api, "w-1")
