"""What add-ons have left in the kernels of nodes is taken away once their pods have ended, and not before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from unit.rollout.conftest import OLD, World
from windlass.domain.catalog.drivers import Driver, Drivers, HostTraces
from windlass.domain.pki import Pki
from windlass.domain.spec.models import Cluster
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.left_traces import remove_what_drivers_left

POLICY = "kube-network-policies"


class Pods(KubernetesClient):
    """An API with pods of daemon sets, of which one ends with each look."""

    def __init__(self, *pods: tuple[str, str], kind: str = "DaemonSet") -> None:
        self.pods = list(pods)
        self.kind = kind
        self.looks = 0

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        selector: str = "",
        fields: str = "",
    ) -> list[dict[str, Any]]:
        self.looks += 1
        found = [
            {
                "metadata": {"name": f"{owner}-1", "ownerReferences": [{"kind": self.kind, "name": owner}]},
                "spec": {"nodeName": node},
            }
            for owner, node in self.pods
        ]
        self.pods = self.pods[1:]
        return found


def with_sections(cluster: Cluster, **sections: dict[str, Any]) -> Cluster:
    changed = {name: getattr(cluster.spec, name).model_copy(update=changes) for name, changes in sections.items()}
    return cluster.model_copy(update={"spec": cluster.spec.model_copy(update=changed)})


def removed(
    world: World, before: dict[str, Any], after: dict[str, Any], pods: Pods, *absent: str
) -> dict[str, list[str]]:
    """Return the scripts that each host has run."""
    old, new = (with_sections(world.session.cluster, network=changes) for changes in (before, after))
    was = replace(world.session, cluster=old)
    rollout = RolloutContext(world.at(OLD, new), was, Mock(spec=Pki), lambda _: None)
    remove_what_drivers_left(rollout, pods, absent)
    return {name: [one.name for one in machine.scripts] for name, machine in world.machines.items() if machine.scripts}


def nodes(world: World) -> set[str]:
    return {host.name for host in world.session.hosts if host.is_node}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"proxy_mode": "iptables"}, {"proxy_mode": "nftables"}),  # which kube-proxy itself takes care of
        ({"proxy_mode": "none"}, {"proxy_mode": "none"}),
        ({"policy": None}, {"policy": POLICY}),
    ],
)
def test_hosts_are_left_alone_where_nothing_leaves(world: World, before: dict[str, Any], after: dict[str, Any]) -> None:
    pods = Pods(("kube-proxy", "w-1"))
    assert removed(world, before, after, pods) == {}
    assert pods.looks == 0


@pytest.mark.parametrize(
    ("before", "after", "owner", "script"),
    [
        ({"proxy_mode": "nftables"}, {"proxy_mode": "none"}, "kube-proxy", "remove-services"),
        ({"policy": POLICY}, {"policy": None}, POLICY, "remove-traces"),
    ],
)
def test_every_node_gives_up_what_is_left_once_the_last_pod_has_ended(
    world: World, before: dict[str, Any], after: dict[str, Any], owner: str, script: str
) -> None:
    pods = Pods((owner, "w-1"), (owner, "cp-1"))
    assert removed(world, before, after, pods) == {name: [script] for name in nodes(world)}
    assert pods.looks == 3


def test_a_node_that_does_not_answer_keeps_nobody_waiting(world: World) -> None:
    (absent, *_) = sorted(nodes(world))
    pods = Pods(*[("kube-proxy", absent)] * 9)
    run = removed(world, {"proxy_mode": "iptables"}, {"proxy_mode": "none"}, pods, absent)
    assert set(run) == nodes(world) - {absent}
    assert pods.looks == 1


GAUGE = Driver(
    "monitoring",
    "gauge",
    "Gauge",
    "Measures.",
    images={"gauge": "v1"},
    namespaces=("gauge",),
    traces=HostTraces(("gauge0",), paths=("/run/gauge", "/run/flannel")),
    templates={
        "gauge.yaml.j2": "{apiVersion: apps/v1, kind: Deployment, metadata: {name: gauge-reader, namespace: gauge}}"
    },
)


def test_all_that_a_driver_of_ones_own_leaves_goes_but_what_others_have_too(world: World) -> None:
    pods = Pods(("gauge-reader-5d4f", "w-1"), kind="ReplicaSet")
    monitored = with_sections(world.session.cluster, monitoring={"driver": "gauge"})
    release = world.session.release
    known = Drivers({**release.drivers.loaded, GAUGE.id: GAUGE})
    was = replace(world.session, cluster=monitored, release=release.with_drivers(known))
    rollout = RolloutContext(world.session, was, Mock(spec=Pki), lambda _: None)
    remove_what_drivers_left(rollout, pods, ())
    assert pods.looks == 2
    for name in nodes(world):
        (script,) = world.machines[name].scripts
        assert script.arguments == {"traces": HostTraces(("gauge0",), paths=("/run/gauge",))}
