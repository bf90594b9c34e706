"""Whether members may be started as those of a new etcd cluster: never while one of this cluster may exist; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from windlass.domain.addresses import host_port
from windlass.domain.etcd.status import ObservedMember
from windlass.domain.host.layout import ETCD_PEER_PORT
from windlass.domain.spec.models import Cluster, Host
from windlass.errors import RefusedError
from windlass.operation_names import Operation


@dataclass(frozen=True)
class MemberOrigin:
    """What the host of an etcd member keeps of how the member began."""

    mark: str | None = None
    """The cluster that the host belongs to; None if it is marked as no cluster's."""
    initial_cluster: str | None = None
    """The members that the one there was started with as one of a new cluster; None if it was not."""
    applied: int | None = None
    """How many entries of the log the member has applied; None where there is none, or it does not say."""
    remains: tuple[str, ...] = ()
    """Names of what replacements and recoveries keep, or have not put in place, beside a member's data."""


@dataclass(frozen=True)
class BootstrapHost:
    """All that is known of the etcd member of one host before a cluster is bootstrapped."""

    member: ObservedMember
    origin: MemberOrigin = MemberOrigin()


def peer_url(host: Host) -> str:
    """Return where the other members reach the one on `host`."""
    return f"https://{host_port(host.node_address, ETCD_PEER_PORT)}"


def initial_cluster_of(cluster: Cluster) -> str:
    """Return the members of a new etcd cluster as each of them takes them: `name=address` of every etcd host."""
    return ",".join(f"{host.name}={peer_url(host)}" for host in cluster.hosts_with("etcd"))


def check_bootstrap(cluster: Cluster, hosts: Mapping[str, BootstrapHost], created: str | None) -> tuple[str, ...]:
    """Return the hosts whose members are to be started as those of a new cluster: those without data.

    None if all have data: then nothing is bootstrapped. `created` is the id of the etcd cluster that the store says was
    verified once, None if it says of none. RefusedError with every reason unless it is known that no such member has
    ever been one of this cluster; what is not known counts as if it had. A bootstrap that broke off goes on: members
    that wait for their first quorum have applied nothing but the list that they were started with, and those that have
    one know who has never come up.
    """
    new = tuple(name for name, host in hosts.items() if host.member.has_data is not True)
    reasons = list(_reasons(cluster, hosts, new, created)) if new else []
    if reasons:
        raise RefusedError(
            f"etcd: a new cluster is not bootstrapped on {', '.join(new)}, since one may exist: {'; '.join(reasons)}. "
            f"Where a quorum of it is left, {Operation.REPLACE_MEMBER} lets a host join it again; where none is, "
            f"{Operation.RECOVER} restores a bundle; if nothing of it is to be kept, run {Operation.DELETE} first"
        )
    return new


def _reasons(
    cluster: Cluster, hosts: Mapping[str, BootstrapHost], new: tuple[str, ...], created: str | None
) -> Iterator[str]:
    if created is not None:
        yield f"the store says that the etcd cluster {created} was verified once"
    ids = {host.member.status.cluster_id for host in hosts.values() if host.member.status}
    if len(ids) > 1:
        yield f"the hosts run {len(ids)} etcd clusters at once"
    desired = initial_cluster_of(cluster)
    for name, host in hosts.items():
        reasons = [*_reasons_of(cluster.name, host, desired, is_led=bool(ids)), *_reasons_of_list(host, new, desired)]
        yield from (f"{name}: {reason}" for reason in reasons)


def _reasons_of(cluster: str, host: BootstrapHost, desired: str, *, is_led: bool) -> Iterator[str]:
    """Give what a host has that speaks against a bootstrap; `is_led` if any member answers, which takes a quorum."""
    member, origin = host.member, host.origin
    if origin.mark not in {None, cluster}:
        yield f"it is a host of the cluster `{origin.mark}`"
    if origin.remains:
        yield f"it keeps what a replacement or a recovery left ({', '.join(origin.remains)})"
    if member.has_data is None or member.process == "unknown":
        yield f"nobody can tell whether it has a member ({member.reason or 'it did not say'})"
    elif member.has_data and origin.initial_cluster is None:
        yield "it has data, and nothing says with which members that began"
    elif member.has_data and origin.initial_cluster != desired:
        yield f"its member was started with other members ({origin.initial_cluster})"
    elif member.has_data and not is_led:
        yield from _reasons_of_log(origin, desired)
    elif not member.has_data and (member.status or member.process == "running") and origin.initial_cluster != desired:
        yield "an etcd runs there that was not started as one of these members"


def _reasons_of_log(origin: MemberOrigin, desired: str) -> Iterator[str]:
    """Give what speaks against data being that of a member which waits for its first quorum.

    Raft counts the additions of the first members, one entry each, as committed from the start; whatever is applied
    beyond them took a quorum: https://github.com/etcd-io/raft/blob/v3.6.0/bootstrap.go
    """
    if origin.applied is None:
        yield "it has data, and its member does not say whether it ever had a quorum"
    elif origin.applied > len(desired.split(",")):
        yield f"its member has had a quorum (it has applied {origin.applied} entries), and does not answer"


def _reasons_of_list(host: BootstrapHost, new: tuple[str, ...], desired: str) -> Iterator[str]:
    """Give what the members that an answering one lists say against a start of the `new` ones.

    A member publishes where its clients find it as soon as it has come up, which is also by what etcd itself tells
    whether it was bootstrapped: https://github.com/etcd-io/etcd/blob/v3.6.0/server/etcdserver/util.go
    (isMemberBootstrapped).
    """
    if host.member.status is None:
        return
    if not host.member.has_leader:
        yield "its member answers and has no leader"
    addresses = {name: address for name, _, address in (one.partition("=") for one in desired.split(","))}
    listed = {address: one for one in host.member.listed for address in one.peer_urls}
    if set(listed) != set(addresses.values()):
        yield f"the etcd cluster {host.member.status.cluster_id:x} has other members by now"
        return
    was_up = [name for name in new if listed[addresses[name]].client_urls]
    if was_up:
        yield f"in the etcd cluster {host.member.status.cluster_id:x} of its member {', '.join(was_up)} came up before"
