from __future__ import annotations

import pytest

from e2e.ground import CLUSTER, HOSTS, Ground
from windlass.effects.store.keys import bundle_key
from windlass_lab import faults

DOCKER = "/usr/local/bin/docker"
STUBBORN = """#!/bin/sh
# No container goes: it is as if each of them hung.
[ "$1" != rm ] || exit 0
exec /usr/bin/docker "$@"
"""
BACKUP = bundle_key(CLUSTER, "20260101T000000Z-kept", "manifest.json")


def test_another_name_deletes_nothing(cluster: Ground) -> None:
    before, stored = cluster.beginnings(), cluster.records.spec()

    refusal = cluster.run("delete_cluster", confirm_name="other").refused("confirm")

    assert f"deleting `{CLUSTER}` needs its name in `confirm_name`, which says `other`" in refusal
    assert cluster.records.spec() == stored
    assert cluster.beginnings() == before


@pytest.mark.full
def test_a_delete_that_leaves_something_behind_fails_says_what_and_keeps_the_cluster(cluster: Ground) -> None:
    cluster.on("w-1", f"cat > {DOCKER} <<'END'\n{STUBBORN}END\nchmod 755 {DOCKER}")
    try:
        failed = cluster.run("delete_cluster", confirm_name=CLUSTER)
    finally:
        cluster.on("w-1", f"rm {DOCKER}")

    told = failed.refused("remove")
    assert "w-1" in told
    assert "container" in told
    assert cluster.records.spec() is not None
    assert "taken off its hosts" not in cluster.service_log()[0]
    cluster.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    assert {host: cluster.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}


@pytest.mark.full
def test_a_delete_names_the_host_that_is_down_cleans_the_others_and_goes_on_once_it_is_back(cluster: Ground) -> None:
    faults.kill(cluster.lab, "w-1")
    try:
        told = cluster.run("delete_cluster", confirm_name=CLUSTER).refused("remove")
        others = {host: cluster.traces(host) for host in HOSTS if host != "w-1"}
    finally:
        faults.start(cluster.lab, "w-1")

    assert "bring w-1 back" in told
    assert others == {host: [] for host in others}
    assert cluster.records.spec() is not None
    cluster.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    assert {host: cluster.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}


def test_hosts_come_back_clean_and_fit_and_backups_stay(cluster: Ground) -> None:
    cluster.store.put(BACKUP, b"{}")
    assert cluster.traces("w-1"), "what is looked for is there before"

    cluster.run("delete_cluster", confirm_name=CLUSTER).succeeded()

    assert {host: cluster.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}
    assert cluster.records.spec() is None
    assert cluster.records.sealed_pki() is None
    assert cluster.store.get(BACKUP) is not None
    assert "taken off its hosts" in cluster.service_log()[0]
    planned = cluster.apply(cluster.spec(), plan_only=True).succeeded()
    assert planned.outcome == "planned"
    plan = cluster.finish("create_cluster", f"apply__{planned.run_id}").succeeded().result("plan.preflight")
    assert set(plan) == set(HOSTS)
    assert all(plan.values())


def test_deleting_without_backups_takes_them_too(ground: Ground) -> None:
    # A cluster that got no further than its spec: deleting it is quick, and the same.
    ground.store.put(BACKUP, b"{}")
    ground.records.save_spec(ground.spec())

    ground.run("delete_cluster", confirm_name=CLUSTER, keep_backups=False).succeeded()

    assert ground.store.get(BACKUP) is None
    assert ground.records.spec() is None
