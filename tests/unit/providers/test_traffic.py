from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts.host_provider import cluster_of
from windlass.domain.host.layout import API_PORT, ETCD_CLIENT_PORT, ETCD_PEER_PORT
from windlass.domain.host.preflight import PORTS
from windlass.domain.providers.traffic import Allowed, Outside, allowed_traffic
from windlass.domain.spec import Cluster
from windlass.domain.spec.drivers import node_traffic
from windlass.effects.catalog import load_drivers

SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"


def demo(**network: Any) -> Cluster:
    made = cluster_of("ec2", {})
    changed = made.spec.network.model_copy(update=network)
    return made.model_copy(update={"spec": made.spec.model_copy(update={"network": changed})})


def test_every_port_that_preflight_wants_free_is_let_through_to_its_role_and_no_other() -> None:
    tcp = {(one.group, one.first) for one in allowed_traffic(demo(), Outside()) if one.protocol == "tcp"}
    assert tcp == {("hosts", 22)} | {(role, port) for role, ports in PORTS.items() for port in ports}


def test_etcd_is_reached_by_etcd_and_api_servers_alone() -> None:
    allowed = allowed_traffic(demo(), Outside(["192.0.2.0/24"], ["198.51.100.0/24"], has_balancer=True))
    sources = {
        port: {one.source for one in allowed if one.first == port} for port in (ETCD_CLIENT_PORT, ETCD_PEER_PORT)
    }
    assert sources == {ETCD_CLIENT_PORT: {"etcd", "control-plane"}, ETCD_PEER_PORT: {"etcd"}}


def test_from_outside_ssh_and_the_api_are_reached_and_nothing_else() -> None:
    allowed = allowed_traffic(demo(), Outside(["192.0.2.0/24"], ["198.51.100.0/24"]))
    assert {one for one in allowed if not one.is_from_group} == {
        Allowed("hosts", "tcp", 22, 22, "192.0.2.0/24"),
        Allowed("control-plane", "tcp", API_PORT, API_PORT, "198.51.100.0/24"),
    }


@pytest.mark.parametrize(
    ("network", "ports"),
    [
        ({}, {8472}),
        ({"backend": "host-gw"}, set()),
        ({"backend": "wireguard"}, {51820, 51821}),
        ({"driver": "none"}, set()),
    ],
)
def test_what_drivers_send_between_nodes_is_let_through(network: dict[str, Any], ports: set[int]) -> None:
    cluster = demo(**network)
    allowed = allowed_traffic(cluster, Outside(between_nodes=node_traffic(cluster, load_drivers(SHIPPED))))
    assert {one.first for one in allowed if one.protocol == "udp"} == ports
    assert {one.group for one in allowed if one.protocol == "udp"} <= {"control-plane", "worker"}


def test_ssh_is_let_through_at_the_port_of_each_host() -> None:
    document = demo().model_dump(mode="json", by_alias=True)
    document["spec"]["hosts"]["members"][0]["ssh"] = {"port": 2222}
    allowed = allowed_traffic(Cluster.model_validate(document), Outside(["192.0.2.0/24"]))
    assert {one.first for one in allowed if one.source == "192.0.2.0/24"} == {22, 2222}
