"""One member that fails is started or replaced, while the others go on taking writes."""

from __future__ import annotations

import re

import pytest

from e2e.etcd import ETCD_HOSTS, check, corrupt_data, delete_data, is_healthy, kill, member_ids, members, writer
from e2e.ground import Ground

WHOLE = dict.fromkeys(ETCD_HOSTS, False)


def test_a_member_whose_data_is_gone_is_replaced_while_others_take_writes(cluster: Ground) -> None:
    before = member_ids(cluster)
    with writer(cluster) as writing:
        delete_data(cluster, "cp-2")
        run = cluster.run("replace_member", host="cp-2", reason="its disk was lost").succeeded()

    check(cluster, writing)
    assert members(cluster) == WHOLE
    assert member_ids(cluster)["cp-2"] != before["cp-2"]
    assert all(is_healthy(cluster, host) for host in ETCD_HOSTS)
    assert "remove the unhealthy voter cp-2 (now 2 of 3; after this step 2 of 2; tolerates 0)" in run.log("replace")
    assert any("etcd on cp-2: remove" in line for line in cluster.service_log())


@pytest.mark.full
def test_a_member_that_is_healthy_is_left_alone(cluster: Ground) -> None:
    before = cluster.beginnings()

    run = cluster.run("replace_member", host="cp-3").succeeded()

    assert run.states["replace"] == "skipped"
    assert "nothing to do" in run.log("plan")
    assert cluster.beginnings() == before


@pytest.mark.full
def test_a_member_that_only_has_to_start_is_not_replaced(cluster: Ground) -> None:
    before = member_ids(cluster)
    kill(cluster, "cp-1")

    run = cluster.run("replace_member", host="cp-1").succeeded()

    assert run.result("replace") == ["started etcd on cp-1"]
    assert member_ids(cluster) == before


@pytest.mark.full
def test_a_member_whose_data_is_damaged_is_replaced(cluster: Ground) -> None:
    with writer(cluster) as writing:
        corrupt_data(cluster, "cp-3")
        cluster.run("replace_member", host="cp-3").succeeded()

    check(cluster, writing)
    assert members(cluster) == WHOLE


@pytest.mark.full
def test_no_member_is_removed_where_the_rest_would_not_keep_quorum(cluster: Ground) -> None:
    for host in ("cp-2", "cp-3"):
        kill(cluster, host)
    try:
        cluster.on("cp-2", "mv /var/lib/windlass/etcd/member /var/lib/windlass/etcd/away")
        refusal = cluster.run("replace_member", host="cp-2").refused("plan")
    finally:
        cluster.on("cp-2", "mv /var/lib/windlass/etcd/away /var/lib/windlass/etcd/member")
        for host in ("cp-2", "cp-3"):
            cluster.on(host, "docker start windlass-etcd")

    # The one that is left may not have noticed yet that it leads nobody.
    assert re.search("only [01] of 3 voters are known to be healthy", refusal)
    assert "disaster_recovery" in refusal
