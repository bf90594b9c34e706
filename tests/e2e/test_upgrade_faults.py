"""What goes wrong on the way from 1.36.3 to 1.37.2: the cluster serves, and the run says what is wrong and goes on.

In an order that spares making clusters again: first what leaves a cluster of the old version as it found it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

import pytest

from e2e.clients import NAME, NAMESPACE, api_client, run_web
from e2e.etcd import is_healthy
from e2e.ground import APPROVED, CLUSTER, HOSTS, VERSION, Ground, wait_for
from e2e.upgrading import LONG, OLD, old_cluster, upgrade, versions
from windlass.cli.embedded.client import TaskView
from windlass.domain.rollout.removed_apis import LAST_APPLIED
from windlass.domain.spec import load_cluster
from windlass.effects.kubernetes.client import NODES
from windlass_lab import faults
from windlass_lab.containers import container_name
from windlass_lab.docker import docker

pytestmark = pytest.mark.full

STANDALONE = {"cp-1": ("etcd", "control-plane", "worker")}
SEPARATE = {"cp-1": ("control-plane",), "cp-2": ("etcd",), "cp-3": ("control-plane",), "w-1": ("worker",)}
SMALL = {"cp-1": ("etcd", "control-plane"), "w-1": ("worker",)}
REMOVED = "storage.k8s.io/v1beta1"
BROKEN = {"feature-gates": "NoSuchGate=true"}
"""Flags that every component knows, and ends by."""
API_SERVERS = {f"{host}/kube-apiserver" for host in ("cp-1", "cp-2", "cp-3")}


@pytest.fixture
def old(ground: Ground) -> Ground:
    """The ground with a cluster of the old version."""
    old_cluster(ground)
    return ground


def begun_since(ground: Ground, before: Mapping[str, str]) -> set[str]:
    return {name for name, since in ground.beginnings().items() if before.get(name) != since}


def ends_with_nothing_to_do(ground: Ground) -> None:
    """See that all that is left of a rollout that was put back is its record, and that the next run ends that too."""
    assert upgrade(ground, None).succeeded().result("result")["changed"] == []
    assert ground.records.rollout() is None


def test_an_unhealthy_member_is_refused_and_nothing_is_changed(old: Ground) -> None:
    old.on("cp-2", "docker stop windlass-etcd")
    try:
        before = old.beginnings()
        refusal = upgrade(old).refused("gate")
        assert "etcd members: " in refusal
        assert "cp-2" in refusal
        assert begun_since(old, before) == set()
    finally:
        old.on("cp-2", "docker start windlass-etcd")
        wait_for(lambda: is_healthy(old, "cp-2"), "the member of cp-2 is healthy again")


def test_images_that_the_mirror_does_not_give_are_named_and_nothing_is_changed(old: Ground) -> None:
    registry = container_name(old.lab.name, "registry")
    before = old.beginnings()
    docker("stop", "--time", "1", registry)
    try:
        refusal = upgrade(old).refused("gate")
    finally:
        docker("start", registry)
    assert f"the mirror lacks image:kube-apiserver:{VERSION}" in refusal
    assert begun_since(old, before) == set()


def test_who_uses_what_the_target_removes_is_named(old: Ground) -> None:
    # kubectl would put what it creates in place of an annotation that is in the file.
    found = "apiVersion: storage.k8s.io/v1\nkind: VolumeAttributesClass\nmetadata: {name: gold}\n"
    old.as_admin("cp-1", f"kubectl create -f - <<'END'\n{found}driverName: example.org\nparameters: {{a: b}}\nEND\n")
    try:
        applied = f'{LAST_APPLIED}={{"apiVersion": "{REMOVED}"}}'
        old.kubectl("cp-1", "annotate", "volumeattributesclass", "gold", applied)
        refusal = upgrade(old).refused("gate")
    finally:
        old.kubectl("cp-1", "delete", "volumeattributesclass", "gold")

    assert f"VolumeAttributesClass gold of {REMOVED} by kubectl apply (use storage.k8s.io/v1)" in refusal


def asking(ground: Ground, run_id: str) -> TaskView | None:
    """Return the task that waits for a person, if one does."""
    tasks = ground.client.tasks("upgrade_cluster", run_id)
    return next((one for one in tasks if one.state == "awaiting_input"), None)


def test_a_person_is_asked_with_the_plan_while_the_lease_is_free_and_may_say_no(old: Ground) -> None:
    before = old.beginnings()
    run_id = old.start("upgrade_cluster", version=VERSION, allow_untested=True)

    task = wait_for(lambda: asking(old, run_id), "the run asks a person", LONG)
    lease = old.store.get(f"clusters/{CLUSTER}/lease.json")

    def is_over_once_answered() -> bool:
        # Airflow asks once more if the answer comes before its scheduler has seen that the task waits for one.
        if again := asking(old, run_id):
            old.client.answer_approval("upgrade_cluster", run_id, again, option="Reject")
        return old.client.run("upgrade_cluster", run_id).has_ended

    wait_for(is_over_once_answered, "a no ends the run", LONG)
    run = old.finish("upgrade_cluster", run_id)

    assert task.task_id == "approval"
    assert lease is not None
    assert json.loads(lease.data)["released"] is True
    assert "quorum: now 3 of 3; after this step 2 of 3; tolerates 0" in run.result("gate")["text"]
    assert (run.state, run.states["approval"]) == ("failed", "failed")
    assert begun_since(old, before) == set()


def test_an_api_server_that_does_not_come_up_is_put_back(old: Ground) -> None:
    before = old.beginnings()
    broken = old.spec(version=OLD, components={"kube-apiserver": {"extraArgs": BROKEN}})
    with api_client(old, "w-1") as count:
        failed = upgrade(old, None, spec=broken)

    assert failed.state == "failed"
    told = old.service_log()[0]
    assert "API server cp-1" in told
    assert "the old version runs again" in told
    assert "NoSuchGate" in told
    assert count.failed == []
    assert begun_since(old, before) == {"cp-1/kube-apiserver"}
    ends_with_nothing_to_do(old)


def test_a_controller_that_does_not_come_up_is_put_back_before_the_next_host_is_changed(old: Ground) -> None:
    before = old.beginnings()
    broken = old.spec(version=OLD, components={"kube-scheduler": {"extraArgs": BROKEN}})

    failed = upgrade(old, None, spec=broken)

    assert failed.state == "failed"
    told = old.service_log()[0]
    assert "host cp-1" in told
    assert "kube-scheduler does not serve" in told
    assert "the old version runs on it again" in told
    assert begun_since(old, before) == {"cp-1/kube-scheduler"}
    ends_with_nothing_to_do(old)


def test_the_whole_cluster_goes_back_to_the_bundle_from_before(old: Ground) -> None:
    old.kubectl("cp-1", "create", "configmap", "from-before")
    old.run("etcd_backup").succeeded()
    gate = upgrade(old).succeeded().result("gate")
    bundle = next(one["text"] for one in gate["findings"] if one["name"] == "bundle").partition(",")[0]

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
    old.kubectl("cp-1", "delete", "configmap", "from-before")


def steps_done(ground: Ground, run_id: str) -> int:
    tasks = ground.client.tasks("upgrade_cluster", run_id)
    return sum(one.task_id == "roll" and one.state == "success" for one in tasks)


def test_a_roll_that_is_asked_to_pause_ends_well_serves_and_goes_on(old: Ground) -> None:
    run_id = old.start("upgrade_cluster", version=VERSION, **APPROVED)
    # One step fetches everything, three change etcd.
    wait_for(lambda: steps_done(old, run_id) >= 4, "the rollout has changed all of etcd", LONG)
    old.run("pause_upgrade", reason="the shop is full").succeeded()
    paused = old.finish("upgrade_cluster", run_id, LONG).succeeded()

    assert paused.result("result")["state"] == "paused"
    done = paused.result("result")["steps"]
    assert f"paused after {done[-1]} (a pause was asked for" in old.service_log()[0]
    assert "the shop is full" in old.service_log()[0]
    lease = old.store.get(f"clusters/{CLUSTER}/lease.json")
    assert lease is not None
    assert json.loads(lease.data)["released"] is True
    assert paused.states["verify"] == "success"
    assert versions(old)["w-1"] == OLD
    assert "is not at work now" in old.run("pause_upgrade").refused("ask")
    refusal = old.create(old.spec(version=OLD)).refused("plan.validate")
    assert f"is on its way from {OLD} to {VERSION}" in refusal
    rest = upgrade(old).succeeded()
    assert done + rest.result("result")["steps"] == [one["label"] for one in paused.result("gate")["steps"]]
    assert set(versions(old).values()) == {VERSION}


def test_a_changed_flag_and_hooks_roll_like_an_upgrade(cluster: Ground) -> None:
    before = cluster.beginnings()
    running = load_cluster(cluster.records.spec() or "", "stored").spec.kubernetes.version
    ran = f"/run/windlass-hooks-{uuid.uuid4().hex[:8]}"
    hooks = {when: [f"echo {when} $WINDLASS_HOST >> {ran}"] for when in ("before", "after")}
    flags = {"kube-apiserver": {"extraArgs": {"v": "2"}}}
    changed = cluster.spec(version=running, components=flags, upgrade={"hooks": hooks})
    with api_client(cluster, "w-1") as count:
        run = upgrade(cluster, None, spec=changed)

    run.succeeded()
    assert count.failed == []
    assert begun_since(cluster, before) == API_SERVERS
    assert "v: '2'" in (cluster.records.spec() or "")
    assert {host: cluster.on(host, f"cat {ran}").split() for host in HOSTS} == {
        host: ["before", host, "after", host] for host in HOSTS
    }
    assert upgrade(cluster, None).succeeded().result("result")["state"] == "nothing"


def test_a_run_whose_every_step_is_killed_once_converges(old: Ground) -> None:
    run_id = old.start("upgrade_cluster", version=VERSION, **APPROVED)
    killed = old.kill_every_task_once("upgrade_cluster", run_id, LONG)
    steps = old.converge("upgrade_cluster", run_id).succeeded().result("result")["steps"]

    assert {"gate", "check"} <= killed
    assert len([one for one in killed if one.startswith("roll[")]) > len(steps) // 2
    assert set(versions(old).values()) == {VERSION}
    assert upgrade(old).succeeded().result("result")["state"] == "nothing"


def test_a_host_that_dies_in_the_middle_is_named_and_the_rest_follows_once_it_is_back(old: Ground) -> None:
    run_id = old.start("upgrade_cluster", version=VERSION, **APPROVED)
    # One step fetches everything, three change etcd, two API servers.
    wait_for(lambda: steps_done(old, run_id) >= 6, "the rollout has come to its third API server", LONG)
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
    bare.create(bare.spec(SMALL, OLD, upgrade={"drainSeconds": 20})).succeeded()
    run_web(bare, OLD)
    # One of the two is not ready, so that the other may not go; that might change, so the gate lets it pass.
    broken = f"-n {NAMESPACE} get pods -l app={NAME} -o jsonpath={{.items[?(@.spec.nodeName!='w-1')].metadata.name}}"
    pod = bare.kubectl("cp-1", *broken.split()).strip()
    bare.kubectl("cp-1", "-n", NAMESPACE, "exec", pod, "--", "rm", "/tmp/www/index.html")  # noqa: S108 - in the pod

    failed = upgrade(bare)

    assert failed.state == "failed"
    told = bare.service_log()[0]
    assert f"w-1: not drained after 20 s: {NAMESPACE}/{NAME}-" in told
    with bare.api() as client:
        node = client.get(NODES, "w-1")
    assert node is not None
    assert not node["spec"].get("unschedulable")
    bare.kubectl("cp-1", "delete", "namespace", NAMESPACE, "--wait=false")
    upgrade(bare).succeeded()
    assert set(versions(bare).values()) == {VERSION}


@pytest.mark.parametrize("roles", [STANDALONE, SEPARATE], ids=["standalone", "separate"])
def test_other_topologies_are_upgraded_too(bare: Ground, roles: Mapping[str, tuple[str, ...]]) -> None:
    bare.create(bare.spec(roles, OLD)).succeeded()
    upgrade(bare).succeeded()
    assert set(versions(bare).values()) == {VERSION}
    assert upgrade(bare).succeeded().result("result")["state"] == "nothing"
