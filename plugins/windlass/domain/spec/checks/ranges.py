"""Checks of the ranges of pods and services, of one IP family or of both, and of the addresses that fit them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from windlass.domain.addresses import Range, family, read_address, read_range
from windlass.domain.spec.checks.syntax import wrong_dns_name
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem

Placed = tuple[Path, str]
"""A range as the spec has it, and where."""

_NETWORK: Path = ("spec", "network")
_POD_CIDR, _SERVICE_CIDR = "10.244.0.0/16", "10.96.0.0/12"
_NODE_BITS = 16
"""kube-controller-manager counts the nodes' ranges in 16 bits:
https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/controller/nodeipam/ipam/cidrset/cidr_set.go"""
_MOST_SERVICE_BITS = 20
"""kube-apiserver accepts at most 20 bits of service addresses."""
_FEWEST_SERVICE_BITS = 4
"""The tenth address of the range is the cluster's DNS."""
_EXAMPLE = {4: "10.244.0.0/16", 6: "fd00:10:244::/48"}
_UNUSABLE: Sequence[Range] = tuple(
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/8", "fe80::/10", "ff00::/8")
)
_SMALLEST_IPV6_MTU = 1280 + 70
"""IPv6 carries no less than 1280 (RFC 8200, section 5), and VXLAN over IPv6 adds 70."""


def ranges(cluster: Cluster) -> Iterator[Problem]:
    """Check that ranges are networks, large enough, and apart from each other and from the hosts."""
    pods, services = _placed(cluster, "podCidr"), _placed(cluster, "serviceCidr")
    for path, text in (*pods, *services):
        if wrong := wrong_range(text):
            yield Problem(path, *wrong)
    for path, taken in _read(pods):
        yield from _size_for_pods(cluster, path, taken)
    for path, taken in _read(services):
        yield from _size_for_services(path, taken)
    for (path, taken), (_, other) in combinations([*_read(pods), *_read(services)], 2):
        if taken.version == other.version and taken.overlaps(other):
            what = "the services'" if path[2] in {"podCidr", "podCidrs"} else "another"
            yield Problem(path, f"{taken} overlaps {what} range {other}", "choose ranges that have nothing in common")
    for path, taken in [*_read(pods), *_read(services)]:
        yield from _hosts_inside(cluster, path, taken)


def given_once(cluster: Cluster) -> Iterator[Problem]:
    """Check that ranges are given by one of the two settings."""
    network = cluster.spec.network
    for key, one, usual, many in (
        ("podCidr", network.pod_cidr, _POD_CIDR, network.pod_cidrs),
        ("serviceCidr", network.service_cidr, _SERVICE_CIDR, network.service_cidrs),
    ):
        if many and one not in {usual, many[0]}:
            wrong = f"`{key}` and `{key}s` name different ranges"
            yield Problem((*_NETWORK, key), wrong, f"leave `{key}` out, which `{key}s` stands in for")


def families(cluster: Cluster) -> Iterator[Problem]:
    """Check that pods, services and hosts have addresses of the same families, in the same order."""
    both = (_placed(cluster, "podCidr"), _placed(cluster, "serviceCidr"))
    if any(read_range(text) is None for placed in both for _, text in placed):
        return
    pods, services = map(_families, both)
    for key, found in (("podCidrs", pods), ("serviceCidrs", services)):
        if len(found) > 2 or len(set(found)) < len(found):
            wrong = "the ranges are not one of each IP family"
            yield Problem((*_NETWORK, key), wrong, "give one IPv4 and one IPv6 range, or a single one")
            return
    if pods != services:
        where = "serviceCidrs" if cluster.spec.network.service_cidrs else "serviceCidr"
        wrong = f"pods have {_named(pods)}, and services {_named(services)}"
        yield Problem((*_NETWORK, where), wrong, "give both ranges of the same families, in the same order")
        return
    yield from _addresses_of_hosts(cluster, pods)


def settings(cluster: Cluster) -> Iterator[Problem]:
    """Check the domain and the largest packet."""
    network = cluster.spec.network
    if wrong := wrong_dns_name(network.cluster_domain):
        yield Problem((*_NETWORK, "clusterDomain"), *wrong)
    has_ipv6 = network.pod_range(6) is not None
    if network.mtu is not None and has_ipv6 and network.mtu < _SMALLEST_IPV6_MTU:
        wrong_text = f"pods would get less than the 1280 bytes that IPv6 needs of {network.mtu}"
        yield Problem((*_NETWORK, "mtu"), wrong_text, f"give {_SMALLEST_IPV6_MTU} or more")


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (given_once, ranges, families, settings)


def wrong_range(text: str) -> tuple[str, str] | None:
    """Say what keeps `text` from being the CIDR of one network that machines can use."""
    if "," in text:
        return f"`{text}` holds several ranges", "give them as a list, as podCidrs and serviceCidrs"
    network = read_range(text)
    if network is None:
        return f"`{text}` is no range of IP addresses", _nearest_range(text)
    if network.version == 6 and str(network) != text:
        return f"`{text}` is written otherwise everywhere else", f"write `{network}`"
    for unusable in _UNUSABLE:
        if network.version == unusable.version and network.overlaps(unusable):
            right = f"use a private range, such as {_EXAMPLE[network.version]}"
            return f"{network} overlaps {unusable}, which has another meaning", right
    return None


def _nearest_range(text: str) -> str:
    example = _EXAMPLE[family(text)]
    try:
        near = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"write it as CIDR, such as {example}"
    return f"did you mean `{near}`?" if "/" in text else f"add its length, such as {example}"


def _placed(cluster: Cluster, key: str) -> list[Placed]:
    network = cluster.spec.network
    one, many = (
        (network.pod_cidr, network.pod_cidrs) if key == "podCidr" else (network.service_cidr, network.service_cidrs)
    )
    if not many:
        return [((*_NETWORK, key), one)]
    return [((*_NETWORK, f"{key}s", index), text) for index, text in enumerate(many)]


def _read(placed: Sequence[Placed]) -> list[tuple[Path, Range]]:
    found = [(path, read_range(text)) for path, text in placed]
    return [(path, network) for path, network in found if network is not None]


def _families(placed: Sequence[Placed]) -> tuple[int, ...]:
    return tuple(family(text) for _, text in placed)


def _named(families_of: Sequence[int]) -> str:
    return " and ".join(f"IPv{one}" for one in families_of)


def _addresses_of_hosts(cluster: Cluster, wanted: Sequence[int]) -> Iterator[Problem]:
    for index, host in enumerate(cluster.spec.hosts.members):
        path: Path = ("spec", "hosts", "members", index)
        key = "privateAddress" if host.private_address is not None else "address"
        if read_address(host.node_address) and family(host.node_address) != wanted[0]:
            wrong = f"`{host.node_address}` is no IPv{wanted[0]} address, as the first range of the pods is"
            yield Problem((*path, key), wrong, "give one of that family, or other ranges first")
        second, place = host.secondary_address, (*path, "secondaryAddress")
        if len(wanted) == 1 and second is not None:
            yield Problem(place, f"the cluster is one of {_named(wanted)} alone", "leave it out, or give both ranges")
        elif len(wanted) == 2 and host.is_node and second is None:
            wrong = f"{host.name} has no IPv{wanted[1]} address, and the cluster is dual-stack"
            yield Problem(place, wrong, f"give the host's IPv{wanted[1]} address")
        elif second is not None and family(second) != wanted[-1]:
            yield Problem(place, f"`{second}` is no IPv{wanted[-1]} address", "give one of the second range's family")


def _size_for_pods(cluster: Cluster, path: Path, pods: Range) -> Iterator[Problem]:
    network = cluster.spec.network
    key, mask = ("nodeMask", network.node_mask) if pods.version == 4 else ("nodeMaskIpv6", network.node_mask_ipv6)
    nodes = sum(1 for host in cluster.spec.hosts.members if set(host.roles) != {"etcd"})
    room = 2 ** max(mask - pods.prefixlen, 0) if pods.prefixlen <= mask else 0
    if room < nodes:
        needed = mask - (nodes - 1).bit_length()
        wrong = f"{pods} is too small: each of {nodes} nodes takes a /{mask}, and there is room for {room}"
        yield Problem(path, wrong, f"use a /{needed} or larger")
    elif mask - pods.prefixlen > _NODE_BITS:
        wrong = f"{pods} is too large: Kubernetes gives at most 65536 nodes a /{mask}"
        right = f"use a /{mask - _NODE_BITS} or smaller, or another spec.network.{key}"
        yield Problem(path, wrong, right)


def _size_for_services(path: Path, services: Range) -> Iterator[Problem]:
    bits = services.max_prefixlen - services.prefixlen
    widest = services.max_prefixlen - _MOST_SERVICE_BITS
    usual = "/24" if services.version == 4 else "/112"
    if bits < _FEWEST_SERVICE_BITS:
        wrong = f"{services} is too small: the cluster's DNS takes its tenth address"
        yield Problem(path, wrong, f"use a {usual} or larger")
    elif bits > _MOST_SERVICE_BITS:
        wrong = f"{services} is too large: the API server accepts at most a /{widest}"
        yield Problem(path, wrong, f"use a /{widest} or smaller")


def _hosts_inside(cluster: Cluster, path: Path, taken: Range) -> Iterator[Problem]:
    inside = [
        f"{host.name} ({address})"
        for host in cluster.spec.hosts.members
        for text in dict.fromkeys((host.address, *host.node_addresses))
        if (address := read_address(text)) is not None and address in taken
    ]
    if inside:
        yield Problem(
            path, f"{taken} holds the addresses of {', '.join(inside)}", "choose a range without any host in it"
        )
