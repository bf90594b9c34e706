"""Whether the API's virtual address can be held by the hosts that are to hold it, and who holds it; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from windlass.domain.addresses import read_address
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.layout import ADDRESS_CONTAINER, VRRP
from windlass.domain.spec.models import Cluster

Told = tuple[str, str]
"""What is wrong, and what to do."""
_CHOOSE = "give `api.virtualAddress` another address of the hosts' network, that nothing has"
_LET_PASS = f"let IP protocol {VRRP} (VRRP) pass between all control-plane hosts"


@dataclass(frozen=True)
class AddressProbe:
    """What a control-plane host finds out about the virtual address before anything of it is there."""

    answering: str = ""
    """The hardware address that answers there; empty if none does."""
    hears: frozenset[str] | None = None
    """The node addresses of the others that it hears by VRRP's protocol; None if it could not listen."""


def wrong_virtual_address(
    cluster: Cluster, facts: Mapping[str, HostFacts | None], probes: Mapping[str, AddressProbe]
) -> Iterator[tuple[str, Told]]:
    """Yield by host what keeps the virtual address from being one.

    It is of another network, somebody has it, or the hosts would not hear who of them has it. Where a host of the
    cluster holds the address already, that one answers there, and what they hear is VRRP itself.
    """
    text = cluster.spec.api.virtual_address or ""
    if read_address(text) is None:
        return
    known = {name: found for name, found in facts.items() if found is not None}
    holders = [name for name, found in known.items() if text in found.addresses]
    for name in holders:
        if known[name].cluster != cluster.name:
            yield name, (f"it has the address {text} already, which is to be the API's virtual one", _CHOOSE)
    for host in cluster.hosts_with("control-plane"):
        if host.name in known:
            yield from ((host.name, told) for told in _of_another_network(text, host.node_address, known[host.name]))
        if not holders and (hardware := probes.get(host.name, AddressProbe()).answering):
            yield host.name, (f"something answers already at {text}, the API's virtual address: {hardware}", _CHOOSE)
    if not holders:
        yield from _unheard(cluster, text, probes)


def _unheard(cluster: Cluster, text: str, probes: Mapping[str, AddressProbe]) -> Iterator[tuple[str, Told]]:
    """Yield the hosts that do not hear another one, of those that all could listen: then all have spoken too."""
    heard = {name: probe.hears for name, probe in probes.items() if probe.hears is not None}
    planes = [host for host in cluster.hosts_with("control-plane") if host.name in heard]
    for host in planes:
        silent = [one.name for one in planes if one != host and one.node_address not in heard[host.name]]
        if silent:
            wrong = f"it hears nothing of {' and '.join(silent)} by IP protocol {VRRP} (VRRP): both would hold {text}"
            yield host.name, (wrong, _LET_PASS)


def _of_another_network(text: str, node_address: str, facts: HostFacts) -> Iterator[Told]:
    place, address = facts.interfaces.get(node_address), read_address(text)
    if place is None or address is None:
        return  # that it has not its own address is told by another rule
    network = place.network
    if address not in network:
        wrong = f"the virtual address {text} is not in {network}, the network of {place.interface} that has its address"
        yield wrong, _CHOOSE
    elif network.version == 4 and network.prefixlen < 31 and address in {network[0], network[-1]}:
        yield f"{text} stands for all of the network {network}", _CHOOSE


def holder_problem(address: str, holders: Collection[str]) -> str:
    """Return what is wrong with the hosts that hold the address; empty if one alone does."""
    if len(holders) == 1:
        return ""
    if not holders:
        return f"no control-plane host holds {address}; see `docker logs {ADDRESS_CONTAINER}` there"
    names = " and ".join(sorted(holders))
    return f"{names} hold {address} at the same time, since they do not hear each other: {_LET_PASS}"
