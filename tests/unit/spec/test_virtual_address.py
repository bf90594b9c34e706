"""The API's virtual address in a spec: an address of the hosts' family that nothing else has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from windlass.domain.spec import Cluster, Known, problems

Make = Callable[[dict[str, Any]], Cluster]
NEW = Known(["v1.37.2"])
ADDRESS = "spec.api.virtualAddress"
IPV6 = {
    "spec.network.podCidr": "fd00:10:244::/48",
    "spec.network.serviceCidr": "fd00:10:96::/112",
    **{f"spec.hosts.members.{number}.address": f"fd00::{number + 1}" for number in range(4)},
}


def told(cluster: Cluster, *others: Cluster) -> list[str]:
    return [str(problem) for problem in problems(cluster, NEW, other_clusters=others)]


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("k8s.example.com", "is no IP address"),
        ("192.0.2.300", "is no IP address"),
        ("127.0.0.1", "loopback"),
        ("224.0.0.18", "multicast"),
        ("fd00::100", "not of the IP family of the hosts' addresses"),
        ("192.0.2.12", "is the address of cp-2, and would be there twice"),
        ("192.0.2.21", "is the address of w-1"),
        ("10.244.3.1", "which pods get their addresses from"),
        ("10.96.0.1", "which is the Services'"),
    ],
)
def test_what_cannot_be_a_virtual_address_is_told(changed: Make, address: str, wrong: str) -> None:
    (problem,) = told(changed({ADDRESS: address}))
    assert problem.startswith("spec.api.virtualAddress: ")
    assert wrong in problem
    assert "choose an address of the hosts' network that no machine has" in problem


@pytest.mark.parametrize("changes", [{ADDRESS: "192.0.2.100"}, {**IPV6, ADDRESS: "fd00::100"}, {ADDRESS: None}])
def test_an_address_of_the_hosts_network_is_accepted(changed: Make, changes: dict[str, Any]) -> None:
    assert told(changed(changes)) == []


def test_it_may_stand_beside_an_endpoint(changed: Make) -> None:
    assert told(changed({ADDRESS: "192.0.2.100", "spec.api.endpoint": "k8s.example.com:6443"})) == []


def test_a_load_balancers_range_leaves_it_out(changed: Make) -> None:
    balancer = {"driver": "metallb", "addresses": ["192.0.2.96-192.0.2.110"]}
    (problem,) = told(changed({ADDRESS: "192.0.2.100", "spec.loadBalancer": balancer}))
    assert "holds the API's virtual address 192.0.2.100" in problem


def test_the_stack_is_picked_by_the_address_alone(changed: Make) -> None:
    stack = {"name": "virtual-address", "values": {"address": "192.0.2.100"}}
    (problem,) = problems(changed({"spec.stacks": [stack]}))
    assert "is picked by `api.virtualAddress`" in str(problem)


def another(changed: Make, name: str, address: str | None, first_host: str) -> Cluster:
    hosts = {f"spec.hosts.members.{number}.address": f"{first_host}{number}" for number in range(4)}
    return changed({"metadata.name": name, ADDRESS: address, **hosts}).model_copy(deep=True)


def test_it_is_none_of_another_cluster_and_none_of_its_hosts(changed: Make) -> None:
    first = another(changed, "first", "192.0.2.100", "192.0.2.1")
    assert told(another(changed, "second", "192.0.2.101", "192.0.2.2"), first) == []
    (shared,) = told(another(changed, "second", "192.0.2.100", "192.0.2.2"), first)
    assert "is the virtual address of the cluster `first`" in shared
    (of_host,) = told(another(changed, "second", "192.0.2.11", "192.0.2.2"), first)
    assert "is the address of the host `cp-2` of the cluster `first`" in of_host
    (own_host,) = told(another(changed, "second", None, "192.0.2.10"), first)
    assert own_host.startswith("spec.hosts.members[0]")
    assert "192.0.2.100 is the virtual address of the cluster `first`" in own_host
