"""A worker that dies in the midst of a rollout, and pods on nodes that are away: nothing waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock

import pytest

from unit.rollout.test_rollout_plan import OVERLAPPING, WORKERS, cluster
from windlass.domain.pki import Pki
from windlass.domain.rollout import Step
from windlass.domain.rollout.result import UpgradeRun
from windlass.domain.rollout.upgrade_path import UpgradeRequest
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import PODS, Resource
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.errors import UnreachableError
from windlass.operations.apply.absent_pods import AbsentPods
from windlass.operations.apply.addons import workloads_missing
from windlass.operations.cluster import ClusterSession
from windlass.operations.rollout.addons import rolling_out
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.lost_workers import on_hosts_that_answer

SYSTEM = frozenset({"kube-system"})


@pytest.fixture
def hosts() -> FakeHosts:
    made = FakeHosts([FakeHost(name) for name in OVERLAPPING | WORKERS])
    for host in made.hosts.values():
        host.on("true")
    return made


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def rollout(hosts: FakeHosts, told: list[str]) -> RolloutContext:
    session = ClusterSession(
        cluster(OVERLAPPING | WORKERS), Mock(), Mock(), Mock(), Connections(hosts.targets(), hosts)
    )
    return RolloutContext(session, session, Mock(spec=Pki), told.append)


def act(host: Host, connection: Connection) -> tuple[str, ...]:
    connection.run(["true"])
    return (f"changed {host.name}",)


def test_a_worker_that_died_is_left_out_and_the_others_are_done(
    rollout: RolloutContext, hosts: FakeHosts, told: list[str]
) -> None:
    hosts.hosts["w-2"].is_reachable = False
    changed = on_hosts_that_answer(rollout, Step("host", ("w-1", "w-2"), ()), act)
    assert changed == {"w-1": ("changed w-1",)}
    assert told[0].startswith("w-2: left out from here on: w-2: no connection")
    assert "`apply_cluster` finishes it" in told[0]


@pytest.mark.parametrize("name", ["cp-2", "w-2"])
def test_it_is_an_error_of_hosts_that_others_need_and_where_nobody_can_be_reached(
    rollout: RolloutContext, hosts: FakeHosts, name: str
) -> None:
    for host in hosts.hosts.values():
        host.is_reachable = name == "cp-2" and host.name != "cp-2"
    with pytest.raises(UnreachableError, match=f"failed on 1 of 1 hosts:\n  {name}"):
        on_hosts_that_answer(rollout, Step("host", (name,), ()), act)


def test_one_that_only_lost_its_connection_is_tried_again(rollout: RolloutContext) -> None:
    def lose(host: Host, _: Connection) -> tuple[str, ...]:
        raise UnreachableError(f"{host.name}: connection lost")

    with pytest.raises(UnreachableError, match="connection lost"):
        on_hosts_that_answer(rollout, Step("host", ("w-1",), ()), lose)


def pod(name: str, node: str, app: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "kube-system", "labels": {"k8s-app": app, "hash": "1"}}
    return {"metadata": metadata, "spec": {"nodeName": node}}


def workload(name: str, status: dict[str, int], **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "kube-system"}
    return {"metadata": metadata, "spec": {"selector": {"matchLabels": {"k8s-app": name}}, **spec}, "status": status}


class Api:
    """A daemon set and a deployment, each with a pod on a node that is away."""

    def __init__(self, updated: int = 2) -> None:
        scheduled = {"desiredNumberScheduled": 3, "numberReady": 2, "numberAvailable": 2}
        self.objects = {
            "daemonsets": [workload("kube-proxy", {**scheduled, "updatedNumberScheduled": updated})],
            "deployments": [
                workload(
                    "coredns",
                    {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 1, "availableReplicas": 1},
                    replicas=2,
                )
            ],
            "pods": [pod(f"kube-proxy-{n}", f"w-{n}", "kube-proxy") for n in (1, 2, 3)]
            + [pod("coredns-1", "w-1", "coredns"), pod("coredns-2", "w-3", "coredns")],
        }
        self.asked: list[str] = []

    def list(self, resource: Resource) -> Sequence[dict[str, Any]]:
        self.asked.append(resource.plural)
        return self.objects[resource.plural]


def test_pods_on_absent_nodes_are_not_waited_for() -> None:
    api: Any = Api()
    assert rolling_out(api, SYSTEM, ["w-3"]) == ""
    assert workloads_missing(api, SYSTEM, ["w-3"]) == ""
    assert "kube-proxy: 2 of 3 are new" in rolling_out(api, SYSTEM)
    assert "coredns: 1 of 2 ready" in workloads_missing(api, SYSTEM)


def test_what_is_missing_on_nodes_that_are_there_is_waited_for() -> None:
    api: Any = Api(updated=1)
    assert rolling_out(api, SYSTEM, ["w-3"]) == "kube-system/kube-proxy: 1 of 2 are new"


def test_pods_are_asked_for_only_where_a_node_is_absent() -> None:
    api: Any = Api()
    AbsentPods.on([], api)
    assert PODS.plural not in api.asked


def test_the_result_says_who_was_left_out() -> None:
    gate = {"from": "v1", "to": "v1", "left_out": {"w-2": "w-2: no connection"}}
    ended = UpgradeRun(UpgradeRequest(), gate, [{"label": "host w-1"}], frozenset(), goes_to_the_end=True, changes=[])
    assert ended.value("demo")["left_out"] == {"w-2": "w-2: no connection"}
    assert ended.sentence(None).endswith("left out, to be finished by `apply_cluster` once they are back: w-2")
