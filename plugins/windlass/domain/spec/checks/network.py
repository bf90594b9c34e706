"""Checks of address ranges and of what hands addresses out."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator

from windlass.domain.spec.checks.syntax import ipv4, wrong_endpoint
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem

Range = ipaddress.IPv4Network

_POD: Path = ("spec", "network", "podCidr")
_SERVICE: Path = ("spec", "network", "serviceCidr")
_ADDRESSES: Path = ("spec", "loadBalancer", "addresses")
_NODE_PREFIX = 24
_WIDEST_POD_PREFIX = _NODE_PREFIX - 16
"""kube-controller-manager counts the nodes' ranges in 16 bits."""
_WIDEST_SERVICE_PREFIX = 12
"""kube-apiserver accepts at most 20 bits of service addresses."""
_NARROWEST_SERVICE_PREFIX = 28
"""The tenth address of the range is the cluster's DNS."""
_UNUSABLE = tuple(Range(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))


def ranges(cluster: Cluster) -> Iterator[Problem]:
    """Check that ranges are IPv4 networks, large enough, and apart from each other and from the hosts."""
    network = cluster.spec.network
    for path, text in ((_POD, network.pod_cidr), (_SERVICE, network.service_cidr)):
        if wrong := wrong_range(text):
            yield Problem(path, *wrong)
    pods, services = read_range(network.pod_cidr), read_range(network.service_cidr)
    if pods is not None:
        yield from _size_for_pods(cluster, pods)
    if services is not None:
        yield from _size_for_services(services)
    if pods is not None and services is not None and pods.overlaps(services):
        yield Problem(
            _POD, f"{pods} overlaps the services' range {services}", "choose ranges that have nothing in common"
        )
    for path, taken in ((_POD, pods), (_SERVICE, services)):
        if taken is not None:
            yield from _hosts_inside(cluster, path, taken)


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
            yield Problem(path, f"`{text}` is no range of IPv4 addresses", "write a CIDR or `first-last`")
        else:
            yield from _taken_inside(cluster, path, span)


def upstreams(cluster: Cluster) -> Iterator[Problem]:
    """Check that DNS upstreams are addresses, since names cannot be resolved before DNS works."""
    for index, text in enumerate(cluster.spec.dns.upstreams):
        host, colon, _ = text.rpartition(":")
        address = host if colon else text
        if ipv4(address) is None or (colon and wrong_endpoint(text)):
            wrong = f"`{text}` is no IPv4 address, with or without port"
            yield Problem(("spec", "dns", "upstreams", index), wrong, "write `192.0.2.53` or `192.0.2.53:5353`")
        elif ipaddress.IPv4Address(address).is_loopback:
            wrong = f"`{text}` means the DNS server's own pod, which would ask itself"
            yield Problem(("spec", "dns", "upstreams", index), wrong, "give the address of another resolver")


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (ranges, load_balancer, upstreams)


def read_range(text: str) -> Range | None:
    """Read an IPv4 CIDR without host bits; None if `text` is none."""
    try:
        return Range(text) if "/" in text else None
    except ValueError:
        return None


def wrong_range(text: str) -> tuple[str, str] | None:
    """Say what keeps `text` from being the CIDR of one IPv4 network that machines can use."""
    if "," in text:
        return f"`{text}` asks for several ranges; dual stack is not supported", "give one IPv4 range"
    if ":" in text:
        return f"`{text}` is an IPv6 range, which is not supported", "give an IPv4 range such as 10.244.0.0/16"
    network = read_range(text)
    if network is None:
        return f"`{text}` is no IPv4 range", _nearest_range(text)
    for unusable in _UNUSABLE:
        if network.overlaps(unusable):
            return (
                f"{network} overlaps {unusable}, which has another meaning",
                "use a private range, such as 10.244.0.0/16",
            )
    return None


def _nearest_range(text: str) -> str:
    try:
        return (
            f"did you mean `{Range(text, strict=False)}`?" if "/" in text else "add its length, such as 10.244.0.0/16"
        )
    except ValueError:
        return "write it as CIDR, such as 10.244.0.0/16"


def _size_for_pods(cluster: Cluster, pods: Range) -> Iterator[Problem]:
    nodes = sum(1 for host in cluster.spec.hosts.members if set(host.roles) != {"etcd"})
    room = 2 ** max(_NODE_PREFIX - pods.prefixlen, 0) if pods.prefixlen <= _NODE_PREFIX else 0
    if room < nodes:
        needed = _NODE_PREFIX - (nodes - 1).bit_length()
        wrong = f"{pods} is too small: each of {nodes} nodes takes a /{_NODE_PREFIX}, and there is room for {room}"
        yield Problem(_POD, wrong, f"use a /{needed} or larger")
    elif pods.prefixlen < _WIDEST_POD_PREFIX:
        wrong = f"{pods} is too large: Kubernetes gives at most 65536 nodes a /{_NODE_PREFIX}"
        yield Problem(_POD, wrong, f"use a /{_WIDEST_POD_PREFIX} or smaller")


def _size_for_services(services: Range) -> Iterator[Problem]:
    if services.prefixlen > _NARROWEST_SERVICE_PREFIX:
        wrong = f"{services} is too small: the cluster's DNS takes its tenth address"
        yield Problem(_SERVICE, wrong, "use a /24 or larger")
    elif services.prefixlen < _WIDEST_SERVICE_PREFIX:
        wrong = f"{services} is too large: the API server accepts at most a /{_WIDEST_SERVICE_PREFIX}"
        yield Problem(_SERVICE, wrong, f"use a /{_WIDEST_SERVICE_PREFIX} or smaller")


def _hosts_inside(cluster: Cluster, path: Path, taken: Range) -> Iterator[Problem]:
    inside = [
        f"{host.name} ({host.address})"
        for host in cluster.spec.hosts.members
        if (address := ipv4(host.address)) is not None and address in taken
    ]
    if inside:
        yield Problem(
            path, f"{taken} holds the addresses of {', '.join(inside)}", "choose a range without any host in it"
        )


def _span(text: str) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address] | None:
    if network := read_range(text):
        return network.network_address, network.broadcast_address
    first, last = (ipv4(part.strip()) for part in (*text.split("-"), "", "")[:2])
    return (first, last) if first is not None and last is not None and first <= last and text.count("-") == 1 else None


def _taken_inside(
    cluster: Cluster, path: Path, span: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]
) -> Iterator[Problem]:
    first, last = span
    for what, text in (("pods'", cluster.spec.network.pod_cidr), ("services'", cluster.spec.network.service_cidr)):
        taken = read_range(text)
        if taken is not None and first <= taken.broadcast_address and taken.network_address <= last:
            yield Problem(
                path, f"{first}-{last} overlaps the {what} range {taken}", "choose free addresses of the hosts' network"
            )
    for host in cluster.spec.hosts.members:
        address = ipv4(host.address)
        if address is not None and first <= address <= last:
            yield Problem(
                path, f"{first}-{last} holds the address of {host.name} ({address})", "leave it out of the range"
            )
