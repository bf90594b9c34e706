"""What goes wrong on the way from 1.36.3 to 1.37.2: the cluster serves, and the run says what is wrong and goes on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import psutil
import pytest

from e2e.clients import NAME, NAMESPACE, api_client, run_web
from e2e.ground import CLUSTER, VERSION, Ground, Run, wait_for
from windlass.cli.embedded import instance
from windlass.cli.embedded.processes import session_members
from windlass.effects.kubernetes.client import NODES
from windlass_lab import faults

pytestmark = pytest.mark.full

OLD = "v1.36.3"
LONG = timedelta(minutes=15)
STANDALONE = {"cp-1": ("etcd", "control-plane", "worker")}
SEPARATE = {"cp-1": ("control-plane",), "cp-2": ("etcd",), "cp-3": ("control-plane",), "w-1": ("worker",)}
AGAIN = {"auto_approve": True, "allow_untested": True}


@pytest.fixture
def old(bare: Ground) -> Ground:
    """The ground with a cluster of the old version."""
    bare.apply(bare.spec(version=OLD)).succeeded()
    return bare


def upgrade(ground: Ground, version: str | None = VERSION, **params: Any) -> Run:
    return ground.finish("upgrade_cluster", ground.start("upgrade_cluster", version=version, **AGAIN, **params), LONG)


def versions(ground: Ground, via: str = "cp-1") -> dict[str, str]:
    with ground.api(via) as client:
        return {one["metadata"]["name"]: one["status"]["nodeInfo"]["kubeletVersion"] for one in client.list(NODES)}


def steps(ground: Ground, run_id: str) -> dict[int, str]:
    """Return the state of each step, by its place; all are there as soon as the first one is."""
    tasks = ground.client.tasks("upgrade_cluster", run_id)
    return {task.map_index: task.state for task in tasks if task.task_id == "roll" and task.map_index >= 0}


def step_process(ground: Ground, run_id: str, index: int) -> psutil.Process | None:
    """Return the process of a step once it runs; None if it ended before anybody could see it."""
    path = f"/api/v2/dags/upgrade_cluster/dagRuns/{run_id}/taskInstances/roll/{index}"

    def find() -> psutil.Process | str | None:
        task = ground.client._checked(ground.client._send("GET", path))
        if task["state"] in {"success", "failed", "skipped"}:
            return "over"
        running = instance.status(ground.home)
        assert running
        title = f"airflow worker -- {task['id']}"
        for process in session_members(running.runner):
            if " ".join(process.cmdline()) == title:
                return process
        return None

    wait_for(lambda: index in steps(ground, run_id), f"step {index}", LONG)
    found = wait_for(find, f"a process of step {index}", LONG)
    return found if isinstance(found, psutil.Process) else None


def test_a_run_whose_every_step_is_killed_once_converges(old: Ground) -> None:
    plan = upgrade(old, plan_only=True).succeeded().result("gate")["steps"]
    run_id = old.start("upgrade_cluster", version=VERSION, **AGAIN)
    for task in ("gate", "lease", "check"):
        old.task_process("upgrade_cluster", run_id, task).kill()
    killed = 0
    for index in range(len(plan)):
        process = step_process(old, run_id, index)
        if process is not None:
            process.kill()
            killed += 1
    old.converge("upgrade_cluster", run_id).succeeded()

    assert killed > len(plan) // 2
    assert set(versions(old).values()) == {VERSION}
    assert upgrade(old).succeeded().result("result")["state"] == "nothing"


def test_a_pause_ends_well_serves_and_goes_on(old: Ground) -> None:
    paused = upgrade(old, stop_after="cp-2").succeeded()

    assert paused.result("result")["state"] == "paused"
    assert "paused after cp-2; the cluster serves" in old.service_log()[0]
    assert versions(old) == {"cp-1": VERSION, "cp-2": VERSION, "cp-3": OLD, "w-1": OLD}
    refusal = old.apply(old.spec(version=OLD)).refused("plan.validate")
    assert f"is on its way from {OLD} to {VERSION}" in refusal
    rest = upgrade(old).succeeded()
    assert rest.result("result")["steps"] == ["host cp-3", "host w-1", "add-ons"]
    assert set(versions(old).values()) == {VERSION}


def test_a_host_that_dies_in_the_middle_is_named_and_the_rest_follows_once_it_is_back(old: Ground) -> None:
    run_id = old.start("upgrade_cluster", version=VERSION, **AGAIN)
    wait_for(lambda: steps(old, run_id).get(2) == "success", "the roll has come to its fourth step", LONG)
    faults.kill(old.lab, "w-1")
    try:
        failed = old.finish("upgrade_cluster", run_id, LONG)
        assert failed.state == "failed"
        assert "w-1" in old.service_log()[0]
        with api_client(old, "cp-1") as count:
            wait_for(lambda: count.asked > 20, "the cluster serves meanwhile")
        assert count.failed == []
    finally:
        faults.start(old.lab, "w-1")
    wait_for(lambda: not old.not_ready(), "w-1 is Ready again", LONG)
    upgrade(old).succeeded()
    assert set(versions(old).values()) == {VERSION}


def test_a_budget_that_blocks_the_drain_is_named_when_time_is_over(bare: Ground) -> None:
    bare.apply(bare.spec(version=OLD, upgrade={"drainSeconds": 15})).succeeded()
    run_web(bare, OLD)
    # One of the two is not ready, so that the other may not go; that might change, so the gate lets it pass.
    broken = f"-n {NAMESPACE} get pods -l app={NAME} -o jsonpath={{.items[?(@.spec.nodeName!='w-1')].metadata.name}}"
    pod = bare.kubectl("cp-1", *broken.split()).strip()
    bare.kubectl("cp-1", "-n", NAMESPACE, "exec", pod, "--", "rm", "/tmp/www/index.html")  # noqa: S108 - in the pod

    failed = upgrade(bare)

    assert failed.state == "failed"
    told = bare.service_log()[0]
    assert f"w-1: not drained after 15 s: {NAMESPACE}/{NAME}-" in told
    with bare.api() as client:
        node = client.get(NODES, "w-1")
    assert node is not None
    assert not node["spec"].get("unschedulable")
    bare.kubectl("cp-1", "delete", "namespace", NAMESPACE)
    upgrade(bare).succeeded()
    assert set(versions(bare).values()) == {VERSION}


def test_an_unhealthy_member_is_refused_and_nothing_is_changed(old: Ground) -> None:
    old.on("cp-2", "docker stop windlass-etcd")
    try:
        before = old.beginnings()
        refusal = upgrade(old).refused("gate")
        assert "etcd members: " in refusal
        assert "cp-2" in refusal
        assert old.beginnings() == before
    finally:
        old.on("cp-2", "docker start windlass-etcd")


def test_who_uses_what_the_target_removes_is_named(old: Ground) -> None:
    applied = (
        "apiVersion: storage.k8s.io/v1\nkind: VolumeAttributesClass\nmetadata:\n  name: gold\n  annotations:\n"
        '    kubectl.kubernetes.io/last-applied-configuration: \'{"apiVersion": "storage.k8s.io/v1beta1"}\'\n'
        "driverName: example.org\nparameters: {a: b}\n"
    )
    kubectl = "$(ls /opt/windlass/v*/bin/kubectl | tail -n 1) --kubeconfig /etc/windlass/kubeconfigs/admin.conf"
    old.on("cp-1", f"{kubectl} create -f - <<'END'\n{applied}END\n")

    refusal = upgrade(old).refused("gate")

    assert "VolumeAttributesClass gold of storage.k8s.io/v1beta1 by kubectl apply (use storage.k8s.io/v1)" in refusal


def test_an_api_server_that_does_not_come_up_is_put_back(old: Ground) -> None:
    before = old.beginnings()
    broken = old.spec(version=OLD, components={"kube-apiserver": {"extraArgs": {"no-such-flag": "x"}}})
    with api_client(old, "w-1") as count:
        failed = upgrade(old, None, spec=broken)

    assert failed.state == "failed"
    told = old.service_log()[0]
    assert "API server cp-1" in told
    assert "the old version runs again" in told
    assert "no-such-flag" in told
    assert count.failed == []
    began = {name for name, since in old.beginnings().items() if before.get(name) != since}
    assert began == {"cp-1/kube-apiserver"}
    assert upgrade(old, None).succeeded().result("result")["state"] == "nothing"


def test_a_changed_flag_rolls_like_an_upgrade(old: Ground) -> None:
    before = old.beginnings()
    with api_client(old, "w-1") as count:
        run = upgrade(old, None, spec=old.spec(version=OLD, components={"kube-apiserver": {"extraArgs": {"v": "2"}}}))

    run.succeeded()
    assert count.failed == []
    began = {name for name, since in old.beginnings().items() if before.get(name) != since}
    assert began == {f"{host}/kube-apiserver" for host in ("cp-1", "cp-2", "cp-3")}
    assert "v: '2'" in (old.records.spec() or "")


@pytest.mark.parametrize("roles", [STANDALONE, SEPARATE], ids=["standalone", "separate"])
def test_other_topologies_are_upgraded_too(bare: Ground, roles: Mapping[str, tuple[str, ...]]) -> None:
    bare.apply(bare.spec(roles, OLD)).succeeded()
    upgrade(bare).succeeded()
    assert set(versions(bare).values()) == {VERSION}
    assert upgrade(bare).succeeded().result("result")["state"] == "nothing"


def test_the_whole_cluster_goes_back_to_the_bundle_from_before(old: Ground) -> None:
    old.kubectl("cp-1", "create", "configmap", "from-before")
    upgrade(old).succeeded()
    bundle = next(line.split("/")[-2] for line in _manifests(old))

    old.run(
        "disaster_recovery",
        bundle=bundle,
        restore_versions=True,
        overwrite_healthy=True,
        confirm_name=CLUSTER,
        auto_approve=True,
    ).succeeded()

    assert set(versions(old).values()) == {OLD}
    assert f"version: {OLD}" in (old.records.spec() or "")
    assert old.kubectl("cp-1", "get", "configmap", "from-before", "-o", "name").strip() == "configmap/from-before"


def _manifests(ground: Ground) -> list[str]:
    """Return the keys of all manifests of bundles, the oldest first."""
    return sorted(
        one.key for one in ground.store.list(f"clusters/{CLUSTER}/bundles/") if one.key.endswith("manifest.json")
    )
