"""Whether hosts can hold the API's virtual address, as they find out before, and who holds it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unit.host.test_preflight import cluster as without
from unit.host.test_preflight import facts
from windlass.domain.host.facts import HostFacts, parse_facts
from windlass.domain.host.virtual_address import AddressProbe, holder_problem, wrong_virtual_address
from windlass.domain.spec.models import Cluster
from windlass.errors import NotReadyError

PLANES = {"cp-1": "192.0.2.11", "cp-2": "192.0.2.13", "cp-3": "192.0.2.14"}
ADDRESS = "192.0.2.100"


def cluster(address: str | None = ADDRESS) -> Cluster:
    document = without().model_dump(mode="json", by_alias=True)
    document["spec"]["hosts"]["members"] = [
        {"name": name, "address": own, "roles": ["etcd", "control-plane"]} for name, own in PLANES.items()
    ]
    document["spec"]["api"]["virtualAddress"] = address
    return Cluster.model_validate(document)


def found_of(
    probes: dict[str, AddressProbe], address: str | None = ADDRESS, prefix: int = 24, **more: HostFacts
) -> dict[str, str]:
    known: dict[str, HostFacts | None] = {name: plane(own, prefix) for name, own in PLANES.items()}
    return {name: told[0] for name, told in wrong_virtual_address(cluster(address), known | more, probes)}


def plane(own: str, prefix: int = 24, *others: str, owner: str | None = None) -> HostFacts:
    lines = [f"interface=bond0 {own}/{prefix}", "complete=yes"]
    return facts("m", addresses=(own, *others), interfaces=parse_facts("\n".join(lines)).interfaces, cluster=owner)


def heard(*names: str) -> AddressProbe:
    return AddressProbe(hears=frozenset(PLANES[name] for name in names))


ALL_HEAR = {"cp-1": heard("cp-2", "cp-3"), "cp-2": heard("cp-1", "cp-3"), "cp-3": heard("cp-1", "cp-2")}


def test_hosts_that_hear_each_other_can_hold_a_free_address_of_their_network() -> None:
    assert found_of(ALL_HEAR) == {}
    assert found_of({name: AddressProbe() for name in PLANES}) == {}, "where no python3 is, nothing is known"
    assert found_of({}, None) == {}


def test_an_address_that_somebody_has_is_told_with_the_hardware_that_answers() -> None:
    probes = ALL_HEAR | {"cp-2": replace(ALL_HEAR["cp-2"], answering="02:42:0a:57:00:05")}
    assert found_of(probes) == {
        "cp-2": f"something answers already at {ADDRESS}, the API's virtual address: 02:42:0a:57:00:05"
    }


def test_an_address_that_a_host_of_the_cluster_holds_already_is_the_clusters_own() -> None:
    probes = {"cp-2": AddressProbe("02:42:0a:57:00:05", frozenset())}
    assert found_of(probes, **{"cp-1": plane(PLANES["cp-1"], 24, ADDRESS, owner="demo")}) == {}


def test_an_address_that_a_host_has_before_it_is_of_the_cluster_is_told() -> None:
    told = found_of(ALL_HEAR, **{"cp-1": plane(PLANES["cp-1"], 24, ADDRESS)})
    assert told == {"cp-1": f"it has the address {ADDRESS} already, which is to be the API's virtual one"}


@pytest.mark.parametrize(
    ("address", "prefix", "told"),
    [
        ("198.51.100.1", 24, "is not in 192.0.2.0/24, the network of bond0"),
        ("192.0.2.100", 28, "is not in 192.0.2.0/28"),
        ("192.0.2.255", 24, "stands for all of the network 192.0.2.0/24"),
        ("192.0.2.0", 24, "stands for all of the network"),
    ],
)
def test_an_address_of_another_network_is_told(address: str, prefix: int, told: str) -> None:
    found = found_of({}, address, prefix)
    assert set(found) == set(PLANES)
    assert all(told in one for one in found.values())


def test_who_hears_nothing_of_another_host_is_told_with_what_to_let_pass() -> None:
    probes = ALL_HEAR | {"cp-2": heard()}
    known: dict[str, HostFacts | None] = {name: plane(own) for name, own in PLANES.items()}
    ((name, (wrong, remedy)),) = wrong_virtual_address(cluster(), known, probes)
    assert (name, wrong) == (
        "cp-2",
        f"it hears nothing of cp-1 and cp-3 by IP protocol 112 (VRRP): both would hold {ADDRESS}",
    )
    assert remedy == "let IP protocol 112 (VRRP) pass between all control-plane hosts"


def test_a_host_that_could_not_speak_is_not_missed() -> None:
    assert found_of({"cp-1": heard("cp-2"), "cp-2": heard("cp-1"), "cp-3": AddressProbe()}) == {}


@pytest.mark.parametrize(
    ("holders", "told"),
    [
        ([], f"no control-plane host holds {ADDRESS}; see `docker logs windlass-keepalived` there"),
        (["cp-2"], ""),
        (["cp-2", "cp-1"], f"cp-1 and cp-2 hold {ADDRESS} at the same time, since they do not hear each other"),
    ],
)
def test_one_host_alone_holds_it(holders: list[str], told: str) -> None:
    problem = holder_problem(ADDRESS, holders)
    assert problem.startswith(told)
    assert bool(problem) == bool(told)


def test_a_host_tells_where_each_of_its_addresses_is() -> None:
    found = parse_facts("hostname=cp-1\ninterface=bond0 192.0.2.11/24\ninterface=lo ::1/128\ninterface=x\ncomplete=yes")
    assert found.interface_of("192.0.2.11") == "bond0"
    assert set(found.interfaces) == {"192.0.2.11", "::1"}
    with pytest.raises(NotReadyError, match=r"cp-1: none of its interfaces has 192\.0\.2\.12"):
        found.interface_of("192.0.2.12")
