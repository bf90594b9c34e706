"""Whether hosts have the addresses that the spec gives them, and what they need of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from windlass.domain.addresses import read_address
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.layout import (
    API_PORT,
    ETCD_CLIENT_PORT,
    ETCD_PEER_PORT,
    ETCD_STATUS_PORT,
    KUBELET_PORT,
)
from windlass.domain.spec.models import Cluster, Host

Told = tuple[str, str]
"""What is wrong, and what to do."""


def needed_ports(source: Host, target: Host) -> dict[int, str]:
    """Return the ports of `target` that something on `source` connects to, with what listens there.

    SSH is none of them: only Windlass logs in on hosts, through a bastion or not.
    """
    ports: dict[int, str] = {}
    if "etcd" in target.roles and "etcd" in source.roles:
        ports |= {ETCD_PEER_PORT: "etcd peer", ETCD_STATUS_PORT: "etcd health"}
    if "etcd" in target.roles and "control-plane" in source.roles:
        ports[ETCD_CLIENT_PORT] = "etcd client port"
    if "control-plane" in target.roles:
        ports[API_PORT] = "API server"
    if target.is_node and "control-plane" in source.roles:
        ports[KUBELET_PORT] = "kubelet"
    return ports


def wrong_node_addresses(host: Host, facts: HostFacts) -> Iterator[Told]:
    """Yield each address at which services are to listen and that is on no interface, such as a floating or NAT one."""
    there = [one for one in map(read_address, facts.addresses) if one is not None]
    shown = ", ".join(str(one) for one in there if not one.is_loopback and not one.is_link_local)
    if not shown:
        return  # it could not tell
    for address in host.node_addresses:
        if read_address(address) not in there:
            key = "privateAddress" if address == host.node_address else "secondaryAddress"
            keeps = "; `address` may stay where Windlass reaches it" if host.private_address is None else ""
            wrong = (
                f"{address} is on none of its interfaces, so that etcd, API server and kubelet could not listen there; "
                f"it has {shown}"
            )
            yield wrong, f"give the one by which the other hosts reach it as `{key}` of {host.name}{keeps}"


def machines_of_two(
    cluster: Cluster, facts: Mapping[str, HostFacts | None], taken: Mapping[str, str]
) -> Iterator[tuple[str, Told]]:
    """Find machines that another host's address leads to as well: by the addresses that they say they have."""
    members = cluster.spec.hosts.members
    own = {address: f"host {host.name}" for host in members for address in host.own_addresses}
    for host in members:
        found = facts[host.name]
        for address in found.addresses if found is not None else ():
            other = own.get(address) or taken.get(address)
            if other is not None and address not in host.own_addresses:
                remedy = "take one of the two out of the spec, since both are one machine"
                yield host.name, (f"it has the address {address}, which is that of {other}", remedy)
