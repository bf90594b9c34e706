"""Checks of the API's virtual address: an address of the hosts' family that nothing else has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from windlass.domain.addresses import Range, family, read_address, read_range
from windlass.domain.host.layout import ADDRESS_STACK
from windlass.domain.spec.checks.hosts import reached_through
from windlass.domain.spec.checks.syntax import wrong_address
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem

PATH: Path = ("spec", "api", "virtualAddress")
_CHOOSE = "choose an address of the hosts' network that no machine has, and that no DHCP server gives away"


def virtual_address(cluster: Cluster) -> Iterator[Problem]:
    """Check that the virtual address is one, of the hosts' IP family, and none of a host, a pod or a Service."""
    address = cluster.spec.api.virtual_address
    if address is None:
        return
    if wrong := wrong_address(address):
        yield Problem(PATH, wrong[0], _CHOOSE)
        return
    hosts = cluster.hosts_with("control-plane")
    if any(family(host.node_address) != family(address) for host in hosts if read_address(host.node_address)):
        yield Problem(PATH, f"{address} is not of the IP family of the hosts' addresses", _CHOOSE)
    for host in cluster.spec.hosts.members:
        if address in host.own_addresses:
            yield Problem(PATH, f"{address} is the address of {host.name}, and would be there twice", _CHOOSE)
    for key, taken in _ranges(cluster):
        if (found := read_address(address)) is not None and found in taken:
            yield Problem(PATH, f"{address} lies in {taken}, which {key}", _CHOOSE)


def picked_by_hand(cluster: Cluster) -> Iterator[Problem]:
    """Check that no spec picks the stack itself: certificates and kubeconfigs would know nothing of the address."""
    for index, stack in enumerate(cluster.spec.stacks):
        if stack.name == ADDRESS_STACK:
            wrong = f"the stack `{ADDRESS_STACK}` is picked by `api.virtualAddress`"
            yield Problem(("spec", "stacks", index, "name"), wrong, "give the address there, and take this out")


CHECKS = (virtual_address, picked_by_hand)


def taken_virtual_address(cluster: Cluster, other_clusters: Sequence[Cluster]) -> Iterator[Problem]:
    """Check that no virtual address is another cluster's too, or its host's, of those that are reached the same way."""
    own = cluster.spec.api.virtual_address
    for other in sorted(other_clusters, key=lambda one: one.name):
        if other.name == cluster.name or not _networks(cluster) & _networks(other):
            continue
        theirs = other.spec.api.virtual_address
        if own is not None and own == theirs:
            yield Problem(PATH, f"{own} is the virtual address of the cluster `{other.name}`", _CHOOSE)
        for host in other.spec.hosts.members if own is not None else ():
            if own in host.own_addresses:
                wrong = f"{own} is the address of the host `{host.name}` of the cluster `{other.name}`"
                yield Problem(PATH, wrong, _CHOOSE)
        for index, host in enumerate(cluster.spec.hosts.members if theirs is not None else ()):
            if theirs in host.own_addresses:
                wrong = f"{theirs} is the virtual address of the cluster `{other.name}`"
                yield Problem(("spec", "hosts", "members", index), wrong, "give the host another address")


def _networks(cluster: Cluster) -> set[str | None]:
    return {reached_through(cluster, host) for host in cluster.spec.hosts.members}


def _ranges(cluster: Cluster) -> Iterator[tuple[str, Range]]:
    """Yield the ranges that are given away in the cluster, with what they are for."""
    network = cluster.spec.network
    given = ((network.pod_ranges, "pods get their addresses from"), (network.service_ranges, "is the Services'"))
    for texts, what in given:
        for text in texts:
            if (found := read_range(text)) is not None:
                yield what, found
