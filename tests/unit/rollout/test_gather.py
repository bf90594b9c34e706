from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from unit.rollout.conftest import LOCK, NEW, OLD, World
from windlass.domain.architectures import architecture_of
from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.host.layout import VERSION_LABEL
from windlass.domain.rollout.version_skew import proxy_versions, skew_problems
from windlass.domain.rollout.workload_rules import Workloads
from windlass.operations.rollout.ask_api import lacking_artifacts, ready_services
from windlass.operations.rollout.gather import _free, running_versions
from windlass.operations.rollout.observe import observe_hosts


def slice_of(service: str | None, *endpoints: dict[str, Any]) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": service} if service else {}
    return {"metadata": {"name": "s", "namespace": "policy", "labels": labels}, "endpoints": list(endpoints) or None}


def test_a_service_is_where_its_ready_endpoints_are() -> None:
    slices = [
        slice_of("gate", {"nodeName": "w-1", "conditions": {"ready": True}}, {"nodeName": "w-2"}),
        slice_of("gate", {"nodeName": "w-3", "conditions": {"ready": False}}),
        slice_of("down", {"nodeName": "w-3", "conditions": {"ready": False}}),
        slice_of("empty"),
        slice_of(None, {"nodeName": "w-4"}),
    ]
    assert ready_services(slices) == {"policy/gate": frozenset({"w-1", "w-2"})}


def test_the_fullest_file_system_counts() -> None:
    assert _free({"/var/lib/windlass": 9, "/var/lib": 1, "/": 5}) == 1
    assert _free({}) == 0


def proxy(node: str, version: str, **metadata: Any) -> dict[str, Any]:
    digest = LOCK.digest(Artifact("image", "kube-proxy", version))
    labels = {"k8s-app": "kube-proxy"}
    return {
        "metadata": {"name": "kube-proxy-x", "namespace": "kube-system", "labels": labels, **metadata},
        "spec": {"nodeName": node, "containers": [{"image": f"192.0.2.9:5000/windlass/kube-proxy@{digest}"}]},
    }


def test_a_component_that_is_ahead_is_told_whatever_the_one_beside_it_runs(world: World) -> None:
    services = world.machines["cp-1"].services
    scheduler = services["kube-scheduler"]
    labels = {**scheduler.definition["labels"], VERSION_LABEL: NEW}
    services["kube-scheduler"] = replace(scheduler, definition={**scheduler.definition, "labels": labels})
    pods = [
        proxy("w-1", NEW),
        proxy("cp-1", OLD),
        proxy("cp-2", NEW, deletionTimestamp="now"),
        proxy("cp-3", NEW, namespace="mine"),
    ]
    looks = {name: outcome.get() for name, outcome in observe_hosts(world.session, None).items()}
    etcd = EtcdObservation({}, {})

    running = running_versions(looks, etcd, Workloads(pods=pods), (world.session.lock,))

    assert running.managers["cp-1"] == OLD
    assert running.schedulers["cp-1"] == NEW
    assert running.proxies == {"w-1": NEW, "cp-1": OLD}
    told = skew_problems(running)
    assert [one.partition(" is at ")[0] for one in told] == ["the scheduler of cp-1", "kube-proxy of w-1"]


def test_a_proxy_is_known_by_its_manifest_once_the_mirror_has_an_index() -> None:
    image = Artifact("image", "kube-proxy", OLD)
    before = LOCK.artifacts[image]
    manifests = {"amd64": before.digest, "arm64": f"sha256:{7:064x}"}
    index = replace(before, digest=f"sha256:{8:064x}", manifests=manifests)
    now = Lock(LOCK.source, {**LOCK.artifacts, image: index})

    assert proxy_versions([proxy("w-1", OLD)], [now]) == {"w-1": OLD}


@pytest.mark.parametrize(("arch", "lacks"), [("x86_64", ()), ("aarch64", ("cp-1",))])
def test_the_gate_asks_for_the_files_of_each_hosts_architecture(
    world: World, arch: str, lacks: tuple[str, ...]
) -> None:
    session = world.session
    asked: dict[Artifact, str | None] = {}
    clients = replace(session.clients, missing_artifacts=lambda urls: asked.update(urls) or ())

    told = lacking_artifacts(replace(session, clients=clients), {"cp-1": architecture_of(arch)})

    of_others = {one for one in asked if one.architecture != "amd64"}
    assert bool(of_others) == bool(lacks)
    assert all(asked[one] is None for one in of_others)  # the lock does not know them
    assert [one for one in asked if one.architecture == "amd64" and asked[one] is None] == []
    assert bool([one for one in told if one.startswith("image:etcd") and "(not for arm64)" in one]) == bool(lacks)
