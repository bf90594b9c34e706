from __future__ import annotations

from ipaddress import IPv4Network
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.errors import SpecError
from windlass_lab.plan import LabPlan, free_subnets, host_addresses, host_names, service_addresses, vm_names

SUBNET = IPv4Network("10.87.5.0/24")
NAMES = st.lists(st.sampled_from([f"h-{number}" for number in range(40)]), unique=True, min_size=1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0", ()),
        ("1", ("cp-1",)),
        ("2", ("cp-1", "w-1")),
        ("3", ("cp-1", "cp-2", "cp-3")),
        ("4", ("cp-1", "cp-2", "cp-3", "w-1")),
        ("6", ("cp-1", "cp-2", "cp-3", "w-1", "w-2", "w-3")),
        ("db-1, db-2", ("db-1", "db-2")),
    ],
)
def test_reads_hosts_as_a_number_or_as_names(text: str, names: tuple[str, ...]) -> None:
    assert host_names(text) == names


@pytest.mark.parametrize(("text", "names"), [("0", ()), ("2", ("vm-1", "vm-2")), ("db-1, db-2", ("db-1", "db-2"))])
def test_reads_virtual_machines_as_a_number_or_as_names(text: str, names: tuple[str, ...]) -> None:
    assert vm_names(text) == names


def test_a_lab_may_be_of_virtual_machines_alone() -> None:
    assert LabPlan("dev", (), vms=("vm-1",)).names == ("vm-1",)


@pytest.mark.parametrize("vms", [("cp-1",), ("vm-1", "vm-1"), ("mirror",), ("VM",)])
def test_refuses_virtual_machines_that_no_lab_can_have(vms: tuple[str, ...]) -> None:
    with pytest.raises(SpecError):
        LabPlan("dev", ("cp-1",), vms=vms)


@pytest.mark.parametrize("name", ["", "Dev", "1st", "-x", "x-", "a_b", "engine", "locks", "x" * 33, "a/b", "a\n"])
def test_refuses_names_that_no_lab_can_have(name: str) -> None:
    with pytest.raises(SpecError, match="cannot name a lab"):
        LabPlan(name, ("cp-1",))


@pytest.mark.parametrize("hosts", [(), ("a", "a"), ("mirror",), ("UP",), ("a b",)])
def test_refuses_hosts_that_no_lab_can_have(hosts: tuple[str, ...]) -> None:
    with pytest.raises(SpecError):
        LabPlan("dev", hosts)


@pytest.mark.parametrize("size", ["0G", "4", "4g", "-1G", "1T", "G"])
def test_refuses_disk_sizes_it_cannot_make(size: str) -> None:
    with pytest.raises(SpecError, match="no size for a disk"):
        LabPlan("dev", ("cp-1",), disk_size=size)


def test_hosts_and_services_never_share_an_address() -> None:
    hosts = host_addresses(SUBNET, [f"h-{number}" for number in range(100)], {})
    addresses = [*hosts.values(), *map(str, service_addresses(SUBNET).values()), str(SUBNET[1])]
    assert len(set(addresses)) == len(addresses)


@given(first=NAMES, more=NAMES)
def test_hosts_keep_their_addresses_when_others_join(first: list[str], more: list[str]) -> None:
    before = host_addresses(SUBNET, first, {})
    after = host_addresses(SUBNET, list(dict.fromkeys([*first, *more])), before)
    assert {name: after[name] for name in first} == before
    assert len(set(after.values())) == len(after)


def test_says_how_many_hosts_fit() -> None:
    with pytest.raises(SpecError, match="room for 189 hosts"):
        host_addresses(SUBNET, [f"h-{number}" for number in range(190)], {})


@given(taken=st.sets(st.integers(0, 255), max_size=255))
def test_offers_only_networks_that_nothing_uses(taken: set[int]) -> None:
    used = [IPv4Network(f"10.87.{number}.0/24") for number in taken]
    offered = list(free_subnets("dev", used))
    assert len(offered) == 256 - len(taken)
    assert not any(one.overlaps(other) for one in offered for other in used)


def test_offers_nothing_below_a_route_that_covers_all() -> None:
    assert list(free_subnets("dev", [IPv4Network("10.0.0.0/8")])) == []


def test_labs_of_other_names_start_elsewhere() -> None:
    first = {next(islice(free_subnets(name, []), 1)) for name in ("dev", "test", "demo", "bench")}
    assert len(first) > 1
