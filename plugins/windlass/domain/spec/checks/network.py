"""Checks of what hands addresses out, and of the resolvers outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from windlass.domain.addresses import Address, read_address, read_range, split_port
from windlass.domain.spec.checks import ranges
from windlass.domain.spec.checks.syntax import wrong_endpoint
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem

_ADDRESSES: Path = ("spec", "loadBalancer", "addresses")
Span = tuple[Address, Address]
"""The first and the last of some addresses of one family."""


def load_balancer(cluster: Cluster) -> Iterator[Problem]:
    """Check that a load balancer has addresses to give away that nobody else uses."""
    given = cluster.spec.load_balancer
    if given.driver == "metallb" and not given.addresses:
        yield Problem(
            _ADDRESSES, "metallb has no addresses to give away", "give a range such as 192.0.2.200-192.0.2.250"
        )
    if given.driver == "none" and given.addresses:
        yield Problem(
            _ADDRESSES, "addresses are given, but nothing hands them out", "set driver to metallb, or leave them out"
        )
    for index, text in enumerate(given.addresses):
        path = (*_ADDRESSES, index)
        span = _span(text)
        if span is None:
            yield Problem(path, f"`{text}` is no range of IP addresses", "write a CIDR or `first-last`")
        else:
            yield from _taken_inside(cluster, path, span)


def upstreams(cluster: Cluster) -> Iterator[Problem]:
    """Check that DNS upstreams are addresses, since names cannot be resolved before DNS works."""
    for index, text in enumerate(cluster.spec.dns.upstreams):
        host, port = split_port(text)
        address = read_address(host)
        if address is None or (text != host and (not port or wrong_endpoint(text))):
            wrong = f"`{text}` is no IP address, with or without port"
            right = "write `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:5353`"
            yield Problem(("spec", "dns", "upstreams", index), wrong, right)
        elif address.is_loopback:
            wrong = f"`{text}` means the DNS server's own pod, which would ask itself"
            yield Problem(("spec", "dns", "upstreams", index), wrong, "give the address of another resolver")


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (*ranges.CHECKS, load_balancer, upstreams)


def _span(text: str) -> Span | None:
    if network := read_range(text):
        return network[0], network[-1]
    if text.count("-") != 1:
        return None
    first, last = (read_address(part.strip()) for part in text.split("-"))
    return (first, last) if first is not None and last is not None and _is_within(first, first, last) else None


def _is_within(address: Address, first: Address, last: Address) -> bool:
    """Tell whether an address lies between two others, all of one family."""
    is_one_family = address.version == first.version == last.version
    return is_one_family and int(first) <= int(address) <= int(last)


def _taken_inside(cluster: Cluster, path: Path, span: Span) -> Iterator[Problem]:
    first, last = span
    network = cluster.spec.network
    for what, texts in (("pods'", network.pod_ranges), ("services'", network.service_ranges)):
        for taken in [found for found in map(read_range, texts) if found is not None]:
            meets = int(first) <= int(taken[-1]) and int(taken[0]) <= int(last)
            if taken.version == first.version and meets:
                yield Problem(
                    path,
                    f"{first}-{last} overlaps the {what} range {taken}",
                    "choose free addresses of the hosts' network",
                )
    for host in cluster.spec.hosts.members:
        for text in dict.fromkeys((host.address, *host.node_addresses)):
            address = read_address(text)
            if address is not None and _is_within(address, first, last):
                yield Problem(
                    path, f"{first}-{last} holds the address of {host.name} ({address})", "leave it out of the range"
                )
