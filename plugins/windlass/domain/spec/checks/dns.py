"""Checks of the cluster's DNS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from windlass.domain.addresses import read_address, split_port
from windlass.domain.spec.checks.network import answer_texts
from windlass.domain.spec.checks.syntax import is_dns_name, wrong_dns_name, wrong_endpoint, wrong_form
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem

_DNS: Path = ("spec", "dns")
_QUANTITIES = {
    "cpu": (re.compile(r"[1-9][0-9]*m?|[0-9]+\.[0-9]+"), "write `100m` for a tenth of a processor, or `2` for two"),
    "memory": (re.compile(r"[1-9][0-9]*([kMG]|[KMG]i)?"), "write bytes with a unit, such as `70Mi` or `1Gi`"),
}
"""What is taken of https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/."""


def upstreams(cluster: Cluster) -> Iterator[Problem]:
    """Check that DNS upstreams are addresses, since names cannot be resolved before DNS works."""
    dns = cluster.spec.dns
    yield from _servers(answer_texts((*_DNS, "upstreams"), dns.upstreams, dns.values))
    for index, zone in enumerate(dns.zones):
        path: Path = (*_DNS, "zones", index, "upstreams")
        if not zone.upstreams:
            yield Problem(path, f"nobody is asked for names of `{zone.name}`", "give the address of its DNS server")
        yield from _servers(((*path, place), text) for place, text in enumerate(zone.upstreams))


def zones(cluster: Cluster) -> Iterator[Problem]:
    """Check that zones have names of their own, and take none of the cluster's names away."""
    names = [zone.name for zone in cluster.spec.dns.zones]
    for index, name in enumerate(names):
        path: Path = (*_DNS, "zones", index, "name")
        if wrong := wrong_dns_name(name):
            yield Problem(path, *wrong)
        elif name in names[:index]:
            yield Problem(path, f"the zone `{name}` is given twice", "keep one, with all its upstreams")
        elif _is_within(cluster.spec.network.cluster_domain, name):
            yield Problem(path, f"names of the cluster are within `{name}`, and nobody would find them", "leave it out")
        elif _is_within(name, cluster.spec.network.cluster_domain):
            yield Problem(path, f"`{name}` is within the cluster's own domain", "take a name outside of it")


def hosts(cluster: Cluster) -> Iterator[Problem]:
    """Check that names of one's own lead to addresses, and are none of the cluster's."""
    for index, host in enumerate(cluster.spec.dns.hosts):
        path: Path = (*_DNS, "hosts", index)
        if read_address(host.address) is None:
            yield Problem((*path, "address"), f"`{host.address}` is no IP address", "write one such as 192.0.2.53")
        elif wrong := wrong_form(host.address):
            yield Problem((*path, "address"), *wrong)
        if not host.names:
            yield Problem((*path, "names"), f"no name leads to {host.address}", "give one, or leave the address out")
        for place, name in enumerate(host.names):
            if not is_dns_name(name):
                yield Problem((*path, "names", place), f"`{name}` is no DNS name", "write it as `db.example.com`")
            elif _is_within(name, cluster.spec.network.cluster_domain):
                wrong_name = f"`{name}` is within the cluster's own domain"
                yield Problem((*path, "names", place), wrong_name, "take a name outside of it")


def resources(cluster: Cluster) -> Iterator[Problem]:
    """Check that what replicas ask for is written as Kubernetes reads it."""
    given = cluster.spec.dns.resources
    for key, text, kind in (
        ("cpu", given.cpu, "cpu"),
        ("memory", given.memory, "memory"),
        ("memoryLimit", given.memory_limit, "memory"),
    ):
        form, advice = _QUANTITIES[kind]
        if not form.fullmatch(text):
            yield Problem((*_DNS, "resources", key), f"`{text}` is no quantity", advice)


def without_driver(cluster: Cluster) -> Iterator[Problem]:
    """Check that nothing is asked of a DNS that is not Windlass's."""
    dns = cluster.spec.dns
    for key, given in (("zones", dns.zones), ("hosts", dns.hosts)):
        if dns.driver == "none" and given:
            wrong = "it is given, but the DNS is your own"
            yield Problem((*_DNS, key), wrong, "set driver to coredns, or put it into your own manifests")


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (upstreams, zones, hosts, resources, without_driver)


def _servers(texts: Iterable[tuple[Path, str]]) -> Iterator[Problem]:
    for path, text in texts:
        host, port = split_port(text)
        address = read_address(host)
        if address is None or (text != host and (not port or wrong_endpoint(text))):
            wrong = f"`{text}` is no IP address, with or without port"
            right = "write `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:5353`"
            yield Problem(path, wrong, right)
        elif address.is_loopback:
            wrong = f"`{text}` means the DNS server's own pod, which would ask itself"
            yield Problem(path, wrong, "give the address of another resolver")


def _is_within(name: str, domain: str) -> bool:
    """Tell whether a DNS name is that of a domain or of something below it."""
    return f".{name}".lower().endswith(f".{domain}".lower())
