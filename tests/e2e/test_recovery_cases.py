"""What else a cluster may have to come back from: each case ends with all that was acknowledged before the bundle."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from e2e.etcd import ETCD_HOSTS, back_up, check, corrupt_data, delete_data, is_healthy, kill, members, writer
from e2e.ground import CLUSTER, OVERLAPPING, Ground, wait_for
from e2e.test_recovery import last_acknowledged
from windlass.effects.kubernetes.client import NODES
from windlass_lab import faults

pytestmark = pytest.mark.full

WHOLE = dict.fromkeys(ETCD_HOSTS, False)
TASKS = ("plan", "approve", "lease", "restore", "settle", "verify")


def lose(ground: Ground, *how: Callable[[Ground, str], None]) -> None:
    """Harm each etcd host in its own way."""
    for host, harm in zip(ETCD_HOSTS, how, strict=False):
        harm(ground, host)


def assert_whole(ground: Ground) -> None:
    """Fail unless every member is healthy and every node Ready."""
    assert members(ground) == WHOLE
    assert all(is_healthy(ground, host) for host in ETCD_HOSTS)
    assert not ground.not_ready()


@pytest.mark.parametrize(
    "how",
    [(delete_data, delete_data), (delete_data, delete_data, corrupt_data), (corrupt_data, corrupt_data, kill)],
    ids=["two deleted", "two deleted and one damaged", "two damaged and one dead"],
)
def test_a_quorum_that_is_lost_comes_back_from_the_bundle(
    cluster: Ground, how: tuple[Callable[[Ground, str], None], ...]
) -> None:
    with writer(cluster) as writing:
        manifest = back_up(cluster)
        lose(cluster, *how)
        lost_at = last_acknowledged(writing)
        cluster.run("disaster_recovery", auto_approve=True, bundle=manifest.id).succeeded()
    check(cluster, writing, manifest, restored_at=lost_at)
    assert_whole(cluster)
    for host in ETCD_HOSTS:
        cluster.on(host, "rm -rf /var/lib/windlass/etcd/member.*")


def test_members_that_are_killed_under_load_come_back_with_all_that_was_acknowledged(cluster: Ground) -> None:
    with writer(cluster) as writing:
        lose(cluster, kill, kill, kill)
        killed_at = last_acknowledged(writing)
        for host in ETCD_HOSTS:
            cluster.on(host, "docker start windlass-etcd")
        wait_for(lambda: writing.acknowledged_since(killed_at + 1), "writes are acknowledged again")
    check(cluster, writing)
    assert_whole(cluster)


def test_a_minority_that_is_cut_off_costs_nothing_and_is_no_disaster(cluster: Ground) -> None:
    manifest = back_up(cluster)
    faults.cut(cluster.lab, "cp-3")
    try:
        with writer(cluster, ("cp-1", "cp-2")) as writing:
            refusal = cluster.run("disaster_recovery", auto_approve=True, bundle=manifest.id).refused("plan")
            unknown = cluster.run("replace_member", host="cp-3").refused("plan")
    finally:
        faults.mend(cluster.lab, "cp-3")
    assert "lives: etcd has a leader" in refusal
    assert "could not be seen, which does not mean that it is dead" in unknown
    wait_for(lambda: is_healthy(cluster, "cp-3"), "the member is back")
    check(cluster, writing)


def test_a_majority_that_is_cut_off_is_not_taken_for_dead(cluster: Ground) -> None:
    manifest = back_up(cluster)
    for host in ("cp-2", "cp-3"):
        faults.cut(cluster.lab, host)
    try:
        refusal = cluster.run("disaster_recovery", auto_approve=True, bundle=manifest.id).refused("plan")
    finally:
        for host in ("cp-2", "cp-3"):
            faults.mend(cluster.lab, host)
    assert "may live: cp-2, cp-3 could not be seen" in refusal
    wait_for(lambda: is_healthy(cluster, "cp-1"), "there is a quorum again")
    assert_whole(cluster)


@pytest.mark.parametrize("task", TASKS)
def test_a_recovery_killed_in_any_task_goes_on(cluster: Ground, task: str) -> None:
    with writer(cluster) as writing:
        manifest = back_up(cluster)
        lose(cluster, delete_data, delete_data, delete_data)
        lost_at = last_acknowledged(writing)
        run_id = cluster.start("disaster_recovery", auto_approve=True, bundle=manifest.id)
        cluster.task_process("disaster_recovery", run_id, task).kill()
        cluster.converge("disaster_recovery", run_id).succeeded()
    check(cluster, writing, manifest, restored_at=lost_at)
    assert_whole(cluster)


def test_new_empty_hosts_and_a_store_with_nothing_but_bundles_are_enough(cluster: Ground) -> None:
    with writer(cluster) as writing:
        manifest = back_up(cluster)
    for host in OVERLAPPING:
        faults.wipe(cluster.lab, host)
    for key in ("spec.yaml", "pki/pki.sealed"):
        cluster.store.delete(f"clusters/{CLUSTER}/{key}")

    cluster.run("disaster_recovery", auto_approve=True, bundle=manifest.id).succeeded()

    check(cluster, writing, manifest)
    assert_whole(cluster)
    assert not any(cluster.apply().succeeded().result("plan.preflight").values())


def test_on_the_hosts_that_came_back_a_smaller_cluster_rises_and_the_others_join_it(cluster: Ground) -> None:
    with writer(cluster) as writing:
        manifest = back_up(cluster)
        for host in ("cp-2", "cp-3"):
            faults.kill(cluster.lab, host)
        lost_at = last_acknowledged(writing)
        refusal = cluster.run("disaster_recovery", auto_approve=True, bundle=manifest.id).refused("plan")
        assert "may live: cp-2, cp-3 could not be seen" in refusal
        told_twice = {"overwrite_healthy": True, "confirm_name": CLUSTER}
        run = cluster.run("disaster_recovery", auto_approve=True, bundle=manifest.id, **told_twice).succeeded()
    assert "left out, since they do not answer: cp-2, cp-3" in run.result("plan")["text"]
    check(cluster, writing, manifest, restored_at=lost_at)
    assert members(cluster) == {"cp-1": False}
    with cluster.api() as client:
        assert {node["metadata"]["name"] for node in client.list(NODES)} == {"cp-1", "w-1"}

    for host in ("cp-2", "cp-3"):
        faults.start(cluster.lab, host)
        cluster.run("replace_member", host=host).succeeded()
    cluster.apply().succeeded()
    wait_for(lambda: not cluster.not_ready(), "all nodes are Ready")
    check(cluster, writing, manifest, restored_at=lost_at)
    assert_whole(cluster)


def test_members_that_began_anew_after_their_loss_are_recovered_like_dead_ones(cluster: Ground) -> None:
    with writer(cluster) as writing:
        manifest = back_up(cluster)
    lose(cluster, delete_data, delete_data, delete_data)
    for host in ETCD_HOSTS:
        cluster.on(host, "docker rm -f windlass-kube-apiserver >/dev/null; docker start windlass-etcd")
    wait_for(lambda: is_healthy(cluster, "cp-1"), "a new and empty etcd cluster")

    cluster.run("disaster_recovery", auto_approve=True, bundle=manifest.id).succeeded()

    check(cluster, writing, manifest, restored_at=time.monotonic())
    assert_whole(cluster)
