"""Quorum is lost, or all data, or all hosts: the cluster comes back from its newest bundle, and nothing is made up."""

from __future__ import annotations

import time

import pytest

from e2e.etcd import ETCD_HOSTS, back_up, check, delete_data, is_healthy, members, vault, writer
from e2e.ground import Ground, wait_for
from e2e.oracle import Writer
from windlass.domain.backup import BundleId

WHOLE = dict.fromkeys(ETCD_HOSTS, False)


def last_acknowledged(writing: Writer) -> float:
    """Wait until nothing is acknowledged any more; when the last was."""
    wait_for(lambda: not writing.acknowledged_since(time.monotonic() - 4), "nothing is acknowledged any more")
    return writing.last()


def test_the_loss_of_all_members_costs_what_was_written_since_the_bundle_and_no_more(cluster: Ground) -> None:
    with writer(cluster) as writing:
        manifest = back_up(cluster)
        for host in ETCD_HOSTS:
            delete_data(cluster, host)
        lost_at = last_acknowledged(writing)

        triggered = time.monotonic()
        run = cluster.run("disaster_recovery", auto_approve=True, reason="all disks were lost").succeeded()
        first = writing.first_after(lost_at)

    assert first is not None
    print(f"first acknowledged write {first - triggered:.1f} s after the trigger")  # noqa: T201  a figure to read
    used = vault(cluster).manifest(BundleId.parse(run.result("plan")["bundle"]))
    assert used.content.revision >= manifest.content.revision  # the schedule may have taken a newer one meanwhile
    check(cluster, writing, used, restored_at=lost_at)
    assert members(cluster) == WHOLE
    assert all(is_healthy(cluster, host) for host in ETCD_HOSTS)
    assert not cluster.not_ready()
    assert "a service resolved and reached from every node" in run.result("verify")
    assert any(line.startswith(f"disaster_recovery: recovered from bundle {used.id}") for line in cluster.service_log())


@pytest.mark.full
def test_a_cluster_that_lives_is_not_overwritten_unless_told_twice(cluster: Ground) -> None:
    back_up(cluster)
    before = cluster.beginnings()

    for params in ({}, {"overwrite_healthy": True}, {"confirm_name": "e2e"}):
        refusal = cluster.run("disaster_recovery", auto_approve=True, **params).refused("plan")
        assert "lives: etcd has a leader" in refusal

    assert cluster.beginnings() == before
