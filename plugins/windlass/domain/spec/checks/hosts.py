"""Checks of the hosts: names, addresses, roles, labels, taints, and hosts that another cluster has."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from windlass.domain.host.layout import API_SERVER_NAME
from windlass.domain.spec.checks.syntax import is_dns_name, wrong_address, wrong_dns_name, wrong_label
from windlass.domain.spec.class_names import is_class_name
from windlass.domain.spec.logins import login_of
from windlass.domain.spec.models import Cluster, Host
from windlass.domain.spec.problem import Path, Problem, UnreadableSpec, correct_spec, nearest, suggestion

_MEMBERS: Path = ("spec", "hosts", "members")
_PROVIDER: Path = ("spec", "hosts", "provider")
_PROVIDERS = ("static", "lab", "ec2", "libcloud")
_MOST_ETCD_HOSTS = 7
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NAME_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_ROLE_LABEL = "node-role.kubernetes.io/"
_ROLES = ("etcd", "control-plane", "worker")
_KUBELET_LABELS = ("kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os")
"""A kubelet gives its node these, and puts changes back."""
_RESERVED_DOMAINS = ("windlass.io", "beta.kubernetes.io")
_IN_CLUSTER = (".svc", ".cluster.local")
_LONGEST_HOST = 63
"""A node has its name as a label, too."""
_LONGEST_NODE = 64 - len("system:node:")
"""A kubelet's certificate names its node so, and X.509 ends a common name there (RFC 5280, ub-common-name)."""


def names(cluster: Cluster) -> Iterator[Problem]:
    """Check that the cluster's name is an RFC 1123 label, and those of hosts subdomains that nodes can have."""
    if wrong := wrong_label(cluster.name):
        yield Problem(("metadata", "name"), *wrong)
    seen: dict[str, int] = {}
    for index, host in enumerate(cluster.spec.hosts.members):
        path = (*_MEMBERS, index, "name")
        if wrong := _wrong_host_name(host):
            yield Problem(path, *wrong)
        first = seen.setdefault(host.name.lower(), index)
        if first != index:
            yield Problem(
                path, f"host {first + 1} of the list has the name `{host.name}` too", "give each its own name"
            )


def _wrong_host_name(host: Host) -> tuple[str, str] | None:
    if wrong := wrong_dns_name(host.name):
        return wrong_label(host.name) if "." not in host.name else wrong
    if len(host.name) > _LONGEST_HOST:
        return f"the name has {len(host.name)} characters", f"use at most {_LONGEST_HOST}"
    return None if is_dns_name(host.name) else (f"`{host.name}` reads like an address", "begin it with a letter")


def node_names(cluster: Cluster) -> Iterator[Problem]:
    """Check that a certificate can name each node; a stored spec is not asked, so that it can be deleted."""
    for index, host in enumerate(cluster.spec.hosts.members):
        if host.is_node and _LONGEST_NODE < len(host.name) <= _LONGEST_HOST:
            wrong = f"the name has {len(host.name)} characters, and certificates name no node with so many"
            yield Problem((*_MEMBERS, index, "name"), wrong, f"use at most {_LONGEST_NODE}")


def reserved_names(cluster: Cluster) -> Iterator[Problem]:
    """Check that no host is called as something else is in certificates or in a cluster; stored specs are not asked.

    A host's own certificates would be good for that: whoever takes one worker could be the API server to the others.
    """
    for index, host in enumerate(cluster.spec.hosts.members):
        if wrong := _reserved(host.name.lower(), cluster.spec.network.cluster_domain):
            yield Problem((*_MEMBERS, index, "name"), wrong, "give the host another name")


def _reserved(name: str, cluster_domain: str) -> str | None:
    if name == API_SERVER_NAME or name.startswith(f"{API_SERVER_NAME}."):
        return f"`{name}` is a name of the API server, and a host's certificates are for the host's name"
    if name == "localhost" or name.endswith((".localhost", ".localdomain")):
        return f"`{name}` means another machine on each host"
    if name.split(".", maxsplit=1)[0] == "windlass":
        return f"`{name}` is a name that Windlass keeps for what it runs itself"
    if ".svc." in f"{name}." or name.endswith((*_IN_CLUSTER, f".{cluster_domain}")):
        return f"`{name}` is a name of a Service or a pod in the cluster"
    return None


def addresses(cluster: Cluster) -> Iterator[Problem]:
    """Check that addresses are of a machine, and each host's own; a name will do where only Windlass uses it."""
    seen: dict[str, int] = {}
    members = cluster.spec.hosts.members
    for index, host in enumerate(members):
        for key, address in _addresses_of(host):
            path = (*_MEMBERS, index, key)
            if key == "address" and is_dns_name(address):
                if host.private_address is None:
                    wrong_text = f"`{address}` is a name, and the host's services listen at an address"
                    yield Problem(path, wrong_text, "give that as `privateAddress`, or here")
            elif wrong := wrong_address(address):
                yield Problem(path, *wrong)
                continue
            first = seen.setdefault(address.lower(), index)
            if first != index:
                yield Problem(
                    path, f"`{members[first].name}` has the address {address} too", "give each host its own address"
                )


def _addresses_of(host: Host) -> Iterator[tuple[str, str]]:
    yield "address", host.address
    if host.private_address is not None:
        yield "privateAddress", host.private_address
    if host.secondary_address is not None:
        yield "secondaryAddress", host.secondary_address


def provider(cluster: Cluster) -> Iterator[Problem]:
    """Check that the provider is named by a plain name; a class may stand in a stored spec, and is never imported."""
    named = cluster.spec.hosts.provider
    if not is_class_name(named) and (wrong := wrong_label(named)):
        yield Problem(_PROVIDER, *wrong)


def known_provider(cluster: Cluster, installed: Collection[str]) -> Iterator[Problem]:
    """Check that the provider comes along with Windlass, or is one of those that are `installed`."""
    named, known = cluster.spec.hosts.provider, (*_PROVIDERS, *installed)
    if is_class_name(named):
        wrong = f"`{named}` names a class, and a spec names no code"
        right = "make it an entry point of an installed package, and give that name here; see docs/hosts.md"
        yield Problem(_PROVIDER, wrong, right)
    elif named not in known and not wrong_label(named):
        right = "to use another, install the package that brings it, or make the hosts by other means and say `static`"
        advice = f"{suggestion(named, known)}; {right}; see docs/hosts.md"
        yield Problem(_PROVIDER, f"no host provider `{named}` is installed here", advice)


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
            if (wrong := _wrong_key(key)) or (wrong := _wrong_label(key, host)):
                yield Problem(path, *wrong)
            if value and not _NAME_PART.fullmatch(value):
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
        (reached_through(other, host), host.address): (other.name, host.name)
        for other in sorted(other_clusters, key=lambda other: other.name, reverse=True)
        if other.name != cluster.name
        for host in other.spec.hosts.members
    }
    for index, host in enumerate(cluster.spec.hosts.members):
        if found := taken.get((reached_through(cluster, host), host.address)):
            wrong = f"{host.address} is the host `{found[1]}` of the cluster `{found[0]}`"
            yield Problem((*_MEMBERS, index, "address"), wrong, "take it out of one of the two specs")


def maybe_taken_hosts(cluster: Cluster, unreadable: Sequence[UnreadableSpec]) -> Iterator[Problem]:
    """Check that no host has an address that stands in a spec of which nobody can tell its hosts."""
    for index, host in enumerate(cluster.spec.hosts.members):
        for other in unreadable:
            if host.address in other.addresses:
                wrong = (
                    f"{host.address} stands in the stored spec of the cluster `{other.cluster}`, which cannot be read"
                )
                right = f"give another host, or {correct_spec(other.cluster)}"
                yield Problem((*_MEMBERS, index, "address"), wrong, right)


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (names, addresses, provider, roles, labels, taints)


def reached_through(cluster: Cluster, host: Host) -> str | None:
    """Return the bastion that stands for the network of a host; None if it is reached without one."""
    bastion = login_of(cluster, host).bastion
    return bastion.address if bastion is not None else None


def _wrong_key(key: str) -> tuple[str, str] | None:
    prefix, slash, name = key.rpartition("/")
    if _NAME_PART.fullmatch(name) and (not slash or (_PREFIX.fullmatch(prefix) and ".." not in prefix)):
        return None
    return f"`{key}` is no valid key", "write `name` or `example.com/name` of letters, digits, `-`, `_` and `.`"


def _wrong_label(key: str, host: Host) -> tuple[str, str] | None:
    """Say what keeps a host from a label: its role, or whoever sets it. All others Windlass sets through the API."""
    prefix = key.rpartition("/")[0]
    role = key.removeprefix(_ROLE_LABEL)
    if key.startswith(_ROLE_LABEL) and role in _ROLES and role not in host.roles:
        wrong = f"the label `{key}` is set by Kubernetes or Windlass, on hosts with the role {role}"
        return wrong, f"give {host.name} that role, or use a prefix of your own, such as example.com/"
    if key in _KUBELET_LABELS or any(prefix == one or prefix.endswith(f".{one}") for one in _RESERVED_DOMAINS):
        return f"the label `{key}` is set by Kubernetes or Windlass", "use a prefix of your own, such as example.com/"
    return None


def _wrong_taint(taint: str) -> tuple[str, str] | None:
    form = "write `key=value:Effect` or `key:Effect`"
    what, colon, effect = taint.rpartition(":")
    if not colon:
        return f"`{taint}` names no effect", f"{form}; effects are {', '.join(EFFECTS)}"
    if effect not in EFFECTS:
        meant = nearest(effect, EFFECTS)
        advice = f"did you mean `{meant}`?" if meant else f"effects are {', '.join(EFFECTS)}"
        return f"no effect `{effect}` is known", advice
    key, equals, value = what.partition("=")
    if wrong := _wrong_key(key):
        return wrong
    if equals and value and not _NAME_PART.fullmatch(value):
        return f"`{value}` is no valid value of a taint", form
    return None
