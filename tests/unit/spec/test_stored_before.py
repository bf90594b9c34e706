"""Stored specs and records that were written before hosts had two addresses read as they were meant then."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from windlass.domain.catalog import Drivers
from windlass.domain.rollout.immutable import refuse_what_no_rollout_changes
from windlass.domain.rollout.record import LeftHost, hosts_of
from windlass.domain.spec import Cluster, load_cluster
from windlass.domain.spec.diff import diff_clusters
from windlass.domain.spec.load import dump_cluster
from windlass.domain.spec.logins import login_of

STORED = (Path(__file__).parent / "stored" / "one-address.yaml").read_text(encoding="utf-8")
"""As Windlass stored it then: every setting that there was, and forms of addresses that nobody would write today."""
MEMBERS = yaml.safe_load(STORED)["spec"]["hosts"]["members"]


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return load_cluster(STORED, "stored spec of demo")


def test_a_hosts_one_address_is_for_everything(cluster: Cluster) -> None:
    for host, member in zip(cluster.spec.hosts.members, MEMBERS, strict=True):
        assert host.node_addresses == (member["address"],)
        assert host.own_addresses == {member["address"]}


def test_hosts_are_reached_as_before(cluster: Cluster) -> None:
    for host, member in zip(cluster.spec.hosts.members, MEMBERS, strict=True):
        login = login_of(cluster, host)
        assert (login.address, login.port, login.user, login.connection) == (member["address"], 2222, "ops", "ssh_demo")
        assert login.bastion is not None
        assert (login.bastion.address, login.bastion.user) == ("bastion.example.com", "jump")


def test_ranges_are_as_before(cluster: Cluster) -> None:
    network = cluster.spec.network
    assert (network.pod_ranges, network.service_ranges) == (("172.20.0.0/255.255.0.0",), ("172.31.0.0/20",))
    assert (network.node_mask, network.mtu, network.cluster_domain) == (24, None, "cluster.local")


def test_stored_anew_it_is_the_same_cluster(cluster: Cluster) -> None:
    anew = load_cluster(dump_cluster(cluster), "stored spec of demo")
    assert diff_clusters(cluster, anew) == ()
    refuse_what_no_rollout_changes(cluster, anew, Drivers())


def test_records_of_hosts_are_read(cluster: Cluster) -> None:
    assert hosts_of(MEMBERS) == cluster.spec.hosts.members
    left = LeftHost.of({"host": MEMBERS[2], "since": "2026-11-01T00:00:00+00:00", "reason": "no answer", "gone": True})
    assert left.host.node_address == "192.0.2.13"
    assert LeftHost.of(left.value()) == left
