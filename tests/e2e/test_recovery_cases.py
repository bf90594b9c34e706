"""What else a cluster may have to come back from: each case ends with all that was acknowledged before the bundle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from e2e.etcd import (
    ETCD_HOSTS,
    back_up,
    check,
    corrupt_data,
    delete_data,
    is_healthy,
    kill,
    member_ids,
    missing,
    press,
    small_disk,
    writer,
)
from e2e.ground import CLUSTER, OVERLAPPING, Ground, wait_for
from e2e.second_airflow import another_airflow
from e2e.test_recovery import last_acknowledged
from windlass.domain.etcd.bootstrap import initial_cluster_of
from windlass.domain.scripts.bootstrap import bootstrap_script
from windlass.domain.scripts.restore import stage_script
from windlass.domain.spec import load_cluster
from windlass.effects.kubernetes.client import NAMESPACES
from windlass.effects.store.keys import bundles_prefix, cluster_prefix
from windlass.errors import WindlassError
from windlass.operations.recovery import recovery_id
from windlass_lab import faults

pytestmark = pytest.mark.full

DAG = "disaster_recovery"
KILLS = (
    ("plan", ""),
    ("restore", ""),
    ("restore", "restored"),
    ("restore", "switched"),
    ("settle", ""),
    ("verify", ""),
)
"""Tasks to be killed one after another, and how far the recovery shall have come on the first host by then."""
FILL = """cd /var/lib/windlass/etcd
fallocate --length $(df --output=avail --block-size=1 . | tail -n 1) ballast || true
dd if=/dev/zero of=ballast oflag=append conv=notrunc bs=4096 2>/dev/null || true
"""


def lose(ground: Ground, *how: Callable[[Ground, str], None]) -> None:
    """Harm each etcd host in its own way."""
    for host, harm in zip(ETCD_HOSTS, how, strict=False):
        harm(ground, host)


@contextmanager
def out_of_reach(ground: Ground, *hosts: str) -> Iterator[None]:
    """Cut hosts off, and go on only when the cluster is whole again after it: one fault at a time."""
    for host in hosts:
        faults.cut(ground.lab, host)
    try:
        yield
    finally:
        for host in hosts:
            faults.mend(ground.lab, host)
        wait_for(lambda: not missing(ground), "the cluster is whole again")


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
        cluster.run(DAG, auto_approve=True, bundle=manifest.id).succeeded()
    check(cluster, writing, manifest, restored_at=lost_at)
    assert missing(cluster) == []
    for host in ETCD_HOSTS:
        cluster.on(host, "rm -rf /var/lib/windlass/etcd/member.*")


def test_members_that_are_killed_under_load_come_back_with_all_that_was_acknowledged(cluster: Ground) -> None:
    with writer(cluster) as writing:
        lose(cluster, kill, kill, kill)
        killed_at = last_acknowledged(writing)
        for host in ETCD_HOSTS:
            cluster.on(host, "docker start windlass-etcd")
        wait_for(lambda: writing.acknowledged_since(killed_at), "writes are acknowledged again")
    wait_for(lambda: not missing(cluster), "the cluster is whole again")
    check(cluster, writing)


def test_a_minority_that_is_cut_off_costs_nothing_and_is_no_disaster(cluster: Ground) -> None:
    manifest = back_up(cluster)
    with writer(cluster, ("cp-1", "cp-2")) as writing, out_of_reach(cluster, "cp-3"):
        cut_at = time.monotonic()
        wait_for(lambda: writing.acknowledged_since(cut_at), "the others go on taking writes")
        refusal = cluster.run(DAG, auto_approve=True, bundle=manifest.id).refused("plan")
        unknown = cluster.run("replace_member", host="cp-3").refused("plan")
    assert "lives: etcd has a leader" in refusal
    assert "could not be seen, which does not mean that it is dead" in unknown
    check(cluster, writing)


def test_a_majority_that_is_cut_off_is_not_taken_for_dead(cluster: Ground) -> None:
    manifest = back_up(cluster)
    with out_of_reach(cluster, "cp-2", "cp-3"):
        refusal = cluster.run(DAG, auto_approve=True, bundle=manifest.id).refused("plan")
    assert "may live: cp-2, cp-3 could not be seen" in refusal


def test_a_recovery_whose_tasks_are_killed_goes_on_where_it_was(cluster: Ground) -> None:
    with writer(cluster) as writing:
        manifest = back_up(cluster)
        lose(cluster, delete_data, delete_data, delete_data)
        lost_at = last_acknowledged(writing)
        run_id = cluster.start(DAG, auto_approve=True, bundle=manifest.id)
        for task, stage in KILLS:
            process = cluster.task_process(DAG, run_id, task)
            wait_for(lambda desired=stage: _has_come_to(cluster, run_id, desired), f"the recovery is {stage}")  # type: ignore[misc]  # bound per turn
            process.kill()
        cluster.converge(DAG, run_id).succeeded()
    check(cluster, writing, manifest, restored_at=lost_at)
    assert missing(cluster) == []


def _has_come_to(ground: Ground, run_id: str, stage: str) -> bool:
    return not stage or f"stage={stage}" in ground.on("cp-1", stage_script(recovery_id(run_id)).text)


def test_bundles_and_the_key_are_enough_for_new_hosts_and_a_new_airflow(cluster: Ground) -> None:
    with writer(cluster) as writing:
        manifest = back_up(cluster)
    for host in OVERLAPPING:
        faults.wipe(cluster.lab, host)
    kept = bundles_prefix(CLUSTER)
    for item in list(cluster.bucket.list(cluster_prefix(CLUSTER))):
        if not item.key.startswith(kept):
            cluster.bucket.delete(item.key)

    with another_airflow(cluster, DAG) as new:
        new.run(DAG, auto_approve=True, bundle=manifest.id).succeeded()

    check(cluster, writing, manifest)
    assert missing(cluster) == []
    assert cluster.apply().succeeded().outcome == "nothing"


def test_on_the_hosts_that_came_back_a_smaller_cluster_rises_and_the_others_join_it(cluster: Ground) -> None:
    with writer(cluster) as writing:
        manifest = back_up(cluster)
        for host in ("cp-2", "cp-3"):
            faults.kill(cluster.lab, host)
        try:
            lost_at = last_acknowledged(writing)
            refusal = cluster.run(DAG, auto_approve=True, bundle=manifest.id).refused("plan")
            told_twice = {"overwrite_healthy": True, "confirm_name": CLUSTER}
            run = cluster.run(DAG, auto_approve=True, bundle=manifest.id, **told_twice).succeeded()
        except BaseException:
            for host in ("cp-2", "cp-3"):
                faults.start(cluster.lab, host)
            raise
    # One by one: together they would go on as the old cluster.
    joined = []
    for host in ("cp-2", "cp-3"):
        faults.start(cluster.lab, host)
        joined.append(cluster.run("replace_member", host=host))

    assert "may live: cp-2, cp-3 could not be seen" in refusal
    assert "left out, since they do not answer: cp-2, cp-3" in run.result("plan")["text"]
    assert {"removed the node cp-2", "removed the node cp-3"} <= set(run.result("settle"))
    for one in joined:
        one.succeeded()
    check(cluster, writing, manifest, restored_at=lost_at)
    cluster.apply().succeeded()
    wait_for(lambda: not missing(cluster), "the cluster is whole again")
    check(cluster, writing, manifest, restored_at=lost_at)


def test_members_that_started_over_after_their_loss_are_recovered_like_dead_ones(cluster: Ground) -> None:
    with writer(cluster) as writing:
        manifest = back_up(cluster)
    lose(cluster, delete_data, delete_data, delete_data)
    _begin_anew(cluster)
    empty = back_up(cluster)  # as the schedule would
    refusal = cluster.run(DAG, auto_approve=True).refused("plan")
    assert f"bundle {empty.id} is of an etcd that lost its data and started over after bundle {manifest.id}" in refusal

    cluster.run(DAG, auto_approve=True, bundle=manifest.id).succeeded()

    check(cluster, writing, manifest, restored_at=time.monotonic())
    assert missing(cluster) == []


def _begin_anew(ground: Ground) -> None:
    """Start all members with nothing, and one API server on them, which makes what it needs: a cluster without a past.

    The others stay down, so that its revision stays small.
    """
    names = "windlass-kube-apiserver windlass-kube-controller-manager windlass-kube-scheduler"
    # As a creation starts them: Windlass itself does it only where there is no cluster yet.
    again = bootstrap_script(initial_cluster_of(load_cluster(ground.records.spec() or "", "stored spec"))).text
    for host in ETCD_HOSTS:
        ground.on(host, f"docker stop --time 1 {names} >/dev/null; docker rm -f windlass-etcd >/dev/null\n{again}")
    wait_for(lambda: is_healthy(ground, "cp-1"), "a new and empty etcd cluster")
    ground.on("cp-1", "docker start windlass-kube-apiserver")
    wait_for(lambda: _has_namespaces(ground), "an API server on it")


def _has_namespaces(ground: Ground) -> bool:
    try:
        with ground.api() as client:
            return client.get(NAMESPACES, "kube-system") is not None
    except WindlassError:
        return False


def test_a_disk_that_is_full_stops_one_member_which_goes_on_once_there_is_room(cluster: Ground) -> None:
    before = member_ids(cluster)
    with small_disk(cluster, "cp-2"), writer(cluster, ("cp-1", "cp-3")) as writing:
        cluster.on("cp-2", FILL)
        # More than fits into what etcd has set aside for its log.
        press(cluster, mebibytes=150)
        wait_for(lambda: not is_healthy(cluster, "cp-2"), "the member has no room")
        refusal = cluster.run("replace_member", host="cp-2").refused("replace")
        assert writing.acknowledged_since(time.monotonic() - 5)
        cluster.on("cp-2", "rm /var/lib/windlass/etcd/ballast")
        wait_for(lambda: not missing(cluster), "the member goes on by itself", timedelta(minutes=3))

    assert "0 MiB are free below /var/lib/windlass/etcd" in refusal
    check(cluster, writing)
    assert member_ids(cluster) == before
    wait_for(lambda: not missing(cluster), "the cluster is whole again")
