"""Checks of the hosts: names, addresses, roles, labels, taints, and hosts that another cluster has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from windlass.domain.spec.checks.syntax import is_own_class, wrong_address, wrong_label
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem, nearest, suggestion

_MEMBERS: Path = ("spec", "hosts", "members")
_PROVIDERS = ("static", "lab", "ec2")
_STORED_PROVIDER = "libcloud"
"""Earlier releases accepted it, so that a stored spec may have it; nothing makes such hosts."""
_MOST_ETCD_HOSTS = 7
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NAME_PART = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")
_PREFIX = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
_FREE_LABELS = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "node.kubernetes.io/instance-type")
_FREE_PREFIXES = ("node.kubernetes.io", "kubelet.kubernetes.io")
_RESERVED_DOMAINS = ("kubernetes.io", "k8s.io", "windlass.io")


def names(cluster: Cluster) -> Iterator[Problem]:
    """Check that names are RFC 1123 labels and differ in more than case."""
    if wrong := wrong_label(cluster.name):
        yield Problem(("metadata", "name"), *wrong)
    seen: dict[str, int] = {}
    for index, host in enumerate(cluster.spec.hosts.members):
        path = (*_MEMBERS, index, "name")
        if wrong := wrong_label(host.name):
            yield Problem(path, *wrong)
        first = seen.setdefault(host.name.lower(), index)
        if first != index:
            yield Problem(
                path, f"host {first + 1} of the list has the name `{host.name}` too", "give each its own name"
            )


def addresses(cluster: Cluster) -> Iterator[Problem]:
    """Check that addresses are IPv4, of a machine, and each host's own."""
    seen: dict[str, int] = {}
    members = cluster.spec.hosts.members
    for index, host in enumerate(members):
        path = (*_MEMBERS, index, "address")
        if wrong := wrong_address(host.address):
            yield Problem(path, *wrong)
            continue
        first = seen.setdefault(host.address, index)
        if first != index:
            yield Problem(
                path, f"`{members[first].name}` has the address {host.address} too", "give each host its own address"
            )


def provider(cluster: Cluster) -> Iterator[Problem]:
    """Check that the provider is a built-in one or a class of the user's own."""
    named = cluster.spec.hosts.provider
    if named not in (*_PROVIDERS, _STORED_PROVIDER) and not is_own_class(named):
        advice = f"{suggestion(named, _PROVIDERS)} a provider of your own is written `module:Class`"
        yield Problem(("spec", "hosts", "provider"), f"no host provider `{named}` is known", advice)


def roles(cluster: Cluster) -> Iterator[Problem]:
    """Check for a control plane, for an etcd with an odd number of members, and for roles given twice."""
    for index, host in enumerate(cluster.spec.hosts.members):
        for role in sorted({role for role in host.roles if host.roles.count(role) > 1}):
            yield Problem((*_MEMBERS, index, "roles"), f"the role {role} is given twice", "keep one")
    if not cluster.hosts_with("control-plane"):
        yield Problem(
            _MEMBERS, "no host has the role control-plane", "give it to one host, or to three for availability"
        )
    yield from _etcd_hosts(cluster)


def _etcd_hosts(cluster: Cluster) -> Iterator[Problem]:
    count = len(cluster.hosts_with("etcd"))
    if count == 0:
        yield Problem(_MEMBERS, "no host has the role etcd", "give it to one host, or to three for availability")
    elif count > _MOST_ETCD_HOSTS:
        yield Problem(_MEMBERS, f"{count} hosts have the role etcd, which makes every write slow", "use 3 or 5")
    elif count % 2 == 0 and not cluster.spec.etcd.allow_even:
        wrong = f"{count} hosts have the role etcd; {count} tolerate no more failures than {count - 1}"
        yield Problem(_MEMBERS, wrong, f"use {count - 1} or {count + 1}, or set spec.etcd.allowEven to true")


def labels(cluster: Cluster) -> Iterator[Problem]:
    """Check that labels are valid, and not those that Kubernetes or Windlass set."""
    for index, host in enumerate(cluster.spec.hosts.members):
        for key, value in host.labels.items():
            path = (*_MEMBERS, index, "labels", key)
            if wrong := _wrong_key(key):
                yield Problem(path, *wrong)
            elif _is_reserved(key):
                wrong_text = f"the label `{key}` is set by Kubernetes or Windlass"
                yield Problem(path, wrong_text, "use a prefix of your own, such as example.com/")
            if value and not _NAME_PART.match(value):
                advice = "use at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
                yield Problem(path, f"`{value}` is no valid value of a label", advice)


def taints(cluster: Cluster) -> Iterator[Problem]:
    """Check that taints are `key=value:Effect` or `key:Effect`, each given once."""
    for index, host in enumerate(cluster.spec.hosts.members):
        seen: set[str] = set()
        for place, taint in enumerate(host.taints):
            path = (*_MEMBERS, index, "taints", place)
            if wrong := _wrong_taint(taint):
                yield Problem(path, *wrong)
                continue
            what = f"{taint.partition('=')[0].partition(':')[0]}:{taint.rpartition(':')[2]}"
            if what in seen:
                yield Problem(path, f"the taint `{what}` is given twice", "keep one")
            seen.add(what)


def taken_hosts(cluster: Cluster, other_clusters: Sequence[Cluster]) -> Iterator[Problem]:
    """Check that no host is in another cluster: the same address, reached through the same bastion."""
    taken = {
        (_bastion(other), host.address): (other.name, host.name)
        for other in sorted(other_clusters, key=lambda other: other.name, reverse=True)
        if other.name != cluster.name
        for host in other.spec.hosts.members
    }
    for index, host in enumerate(cluster.spec.hosts.members):
        if found := taken.get((_bastion(cluster), host.address)):
            wrong = f"{host.address} is the host `{found[1]}` of the cluster `{found[0]}`"
            yield Problem((*_MEMBERS, index, "address"), wrong, "take it out of one of the two specs")


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (names, addresses, provider, roles, labels, taints)


def _bastion(cluster: Cluster) -> str | None:
    bastion = cluster.spec.hosts.ssh.bastion
    return bastion.address if bastion is not None else None


def _wrong_key(key: str) -> tuple[str, str] | None:
    prefix, slash, name = key.rpartition("/")
    if _NAME_PART.match(name) and (not slash or (_PREFIX.match(prefix) and ".." not in prefix)):
        return None
    return f"`{key}` is no valid key", "write `name` or `example.com/name` of letters, digits, `-`, `_` and `.`"


def _is_reserved(key: str) -> bool:
    prefix = key.rpartition("/")[0]
    if key in _FREE_LABELS or any(prefix == free or prefix.endswith(f".{free}") for free in _FREE_PREFIXES):
        return False
    return any(prefix == domain or prefix.endswith(f".{domain}") for domain in _RESERVED_DOMAINS)


def _wrong_taint(taint: str) -> tuple[str, str] | None:
    form = "write `key=value:Effect` or `key:Effect`"
    what, colon, effect = taint.rpartition(":")
    if not colon:
        return f"`{taint}` names no effect", f"{form}; effects are {', '.join(_EFFECTS)}"
    if effect not in _EFFECTS:
        meant = nearest(effect, _EFFECTS)
        advice = f"did you mean `{meant}`?" if meant else f"effects are {', '.join(_EFFECTS)}"
        return f"no effect `{effect}` is known", advice
    key, equals, value = what.partition("=")
    if wrong := _wrong_key(key):
        return wrong
    if equals and value and not _NAME_PART.match(value):
        return f"`{value}` is no valid value of a taint", form
    return None
