"""Checks of what hands addresses out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from windlass.domain.addresses import Address, read_address, read_range
from windlass.domain.spec.checks import ranges
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem

_ADDRESSES: Path = ("spec", "loadBalancer", "addresses")
Span = tuple[Address, Address]
"""The first and the last of some addresses of one family."""


def load_balancer(cluster: Cluster) -> Iterator[Problem]:
    """Check that a load balancer has addresses to give away that nobody else uses."""
    given = cluster.spec.load_balancer
    if given.driver == "none" and given.addresses:
        yield Problem(
            _ADDRESSES, "addresses are given, but nothing hands them out", "pick a driver that does, or leave them out"
        )
    for path, text in answer_texts(_ADDRESSES, given.addresses, given.values):
        span = _span(text)
        if span is None:
            yield Problem(path, f"`{text}` is no range of IP addresses", "write a CIDR or `first-last`")
        else:
            yield from _taken_inside(cluster, path, span)


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (*ranges.CHECKS, load_balancer)


def answer_texts(setting: Path, given: Sequence[str], values: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield the texts of a setting, and of the driver's answer of the same name, each with where it stands."""
    *section, key = setting
    answer = values.get(str(key), ())
    for path, texts in ((setting, given), ((*section, "values", key), answer if isinstance(answer, list) else ())):
        yield from (((*path, index), text) for index, text in enumerate(texts) if isinstance(text, str))


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
    virtual = read_address(cluster.spec.api.virtual_address or "")
    if virtual is not None and _is_within(virtual, first, last):
        yield Problem(path, f"{first}-{last} holds the API's virtual address {virtual}", "leave it out of the range")
