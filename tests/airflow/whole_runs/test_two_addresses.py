"""A host that is reached at one address, through a bastion or not, and serves the others at another one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from windlass.errors import RefusedError
from world import World

PRIVATE = """apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    ssh: {bastion: {address: bastion.example.com}}
    members:
      - {name: cp-1, address: cp-1.example.com, privateAddress: 10.0.1.11, roles: [etcd, control-plane]}
      - {name: w-1, address: 203.0.113.12, privateAddress: 10.0.1.12, roles: [worker], ssh: {direct: true, port: 2222}}
"""
IPV6 = """apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - {name: cp-1, address: "2001:db8::11", roles: [etcd, control-plane]}
      - {name: w-1, address: "2001:db8::12", roles: [worker]}
  network: {podCidr: "fd00:10:244::/48", serviceCidr: "fd00:10:96::/112"}
"""
DUAL = """apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - name: cp-1
        address: 203.0.113.11
        privateAddress: 10.0.1.11
        secondaryAddress: "2001:db8::11"
        roles: [etcd, control-plane]
      - {name: w-1, address: 10.0.1.12, secondaryAddress: "2001:db8::12", roles: [worker]}
  network: {podCidrs: [10.244.0.0/16, "fd00:10:244::/48"], serviceCidrs: [10.96.0.0/16, "fd00:10:96::/112"]}
"""


@pytest.mark.parametrize("spec", [PRIVATE, IPV6, DUAL], ids=["private", "ipv6", "dual"])
def test_they_make_a_cluster(new: Callable[[str], World], spec: str) -> None:
    world = new(spec)
    run = world.run("create_cluster", spec=spec)
    assert set(run.states.values()) <= {"success", "skipped"}, run.states
    assert {name: list(drift.differences) for name, drift in world.drift().items() if not drift.is_empty} == {}
    assert {one.address for one in world.machines.values()} & {"10.0.1.11", "2001:db8::11"}


def test_an_address_on_no_interface_stops_before_anything_is_changed(new: Callable[[str], World]) -> None:
    world = new(PRIVATE)
    world.machines["w-1"].address = "10.0.9.9"
    with pytest.raises(RefusedError, match=r"w-1: 10.0.1.12 is on none of its interfaces.* it has 10.0.9.9; give"):
        world.run("create_cluster", spec=PRIVATE)
    assert not any(machine.units for machine in world.machines.values())
