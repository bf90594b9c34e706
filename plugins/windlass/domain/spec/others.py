"""The specs of other clusters, whose hosts are taken: as far as each can be read, so that none holds up all others."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from windlass.domain.addresses import read_address
from windlass.domain.spec.load import load_cluster, load_hosts
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import UnreadableSpec, correct_spec
from windlass.domain.spec.rights import access_in
from windlass.errors import UNREADABLE, RefusedError

_ADDRESS = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w./])")
"""An IPv4 address by itself: no range, and no part of something longer."""
_IPV6 = re.compile(r"(?<![\w.:])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w./:])")
"""What may be an IPv6 address by itself; so may a time of day be."""


@dataclass(frozen=True)
class OtherSpec:
    """What can be told of a stored spec."""

    cluster: Cluster | None
    """The cluster; where all of the spec but its hosts is wrong, a cluster with just those hosts."""
    unreadable: UnreadableSpec | None = None
    """What is known of the spec where not even its hosts can be read as such."""
    warning: str = ""
    """What is wrong, and what can therefore not be checked; empty if nothing is."""
    may_name_teams: bool = False
    """Whether it says who may do what, or may do so, where `cluster` does not have that for sure."""

    @property
    def addresses(self) -> frozenset[str]:
        """The addresses that are its hosts', or may be."""
        if self.unreadable is not None:
            return self.unreadable.addresses
        return frozenset(host.address for host in self.cluster.spec.hosts.members) if self.cluster else frozenset()


def read_other(name: str, data: bytes) -> OtherSpec:
    """Return what a stored spec says, or as much of it as can be told; it raises nothing, whatever stands there."""
    try:
        return OtherSpec(_called(name, load_cluster(data.decode(), f"stored spec of {name}")))
    except UNREADABLE as error:
        why = str(error).partition("\n")[0] or repr(error)
    text = data.decode(errors="replace")
    try:
        hosts = load_hosts(text)
    except UNREADABLE:
        hosts = None
    teams = _may_name_teams(name, data)
    if hosts is None:
        return replace(_by_its_text(name, text, why), may_name_teams=teams)
    warning = f"{_unread(name, why)}; its hosts are known, and may not be taken"
    return OtherSpec(_called(name, hosts), warning=warning, may_name_teams=teams)


def refused_other(name: str, why: str) -> OtherSpec:
    """Return what can be told of a stored spec that is not authentic: nothing but that it is not read."""
    warning = f"the stored spec of the cluster `{name}` is not read: {why}; nothing keeps its hosts from being taken"
    return OtherSpec(None, UnreadableSpec(name, frozenset()), warning, may_name_teams=True)


def _may_name_teams(name: str, data: bytes) -> bool:
    try:
        return bool(access_in(name, data).roles)
    except RefusedError:
        return True


def _called(name: str, cluster: Cluster) -> Cluster:
    """Return the cluster under the name it is stored by: one that calls itself otherwise has hosts all the same."""
    metadata = cluster.metadata.model_copy(update={"name": name})
    return cluster.model_copy(update={"metadata": metadata})


def _by_its_text(name: str, text: str, why: str) -> OtherSpec:
    ipv6 = {one for one in _IPV6.findall(text) if read_address(one)}
    found = UnreadableSpec(name, frozenset({*_ADDRESS.findall(text), *ipv6}))
    unchecked = (
        f"which of the {len(found.addresses)} addresses in it are hosts, and behind which bastion, cannot be told, so "
        "that no new host may have one of them"
        if found.addresses
        else "no address stands in it, so that nothing keeps its hosts from being taken"
    )
    return OtherSpec(None, found, f"{_unread(name, why)}; {unchecked}")


def _unread(name: str, why: str) -> str:
    return f"the stored spec of the cluster `{name}` cannot be read ({why}); {correct_spec(name)}"
