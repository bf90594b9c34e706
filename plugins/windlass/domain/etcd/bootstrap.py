"""Whether members may be started as those of a new etcd cluster: never while one of this cluster may exist; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from windlass.domain.etcd.status import ObservedMember
from windlass.domain.host.layout import ETCD_PEER_PORT
from windlass.domain.spec.models import Cluster
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


def initial_cluster_of(cluster: Cluster) -> str:
    """Return the members of a new etcd cluster as each of them takes them: `name=address` of every etcd host."""
    hosts = cluster.hosts_with("etcd")
    return ",".join(f"{host.name}=https://{host.address}:{ETCD_PEER_PORT}" for host in hosts)


def check_bootstrap(cluster: Cluster, hosts: Mapping[str, BootstrapHost], created: str | None) -> tuple[str, ...]:
    """Return the hosts whose members are to be started as those of a new cluster: those without data.

    None if all have data: then nothing is bootstrapped. `created` is the id of the etcd cluster that the store says was
    verified once, None if it says of none. RefusedError with every reason unless it is known that no member of the
    cluster has ever been part of a quorum: what is not known counts as if one had been. A bootstrap that broke off goes
    on, since a member that waits for its first quorum has applied nothing but the list that it was started with.
    """
    new = tuple(name for name, host in hosts.items() if host.member.has_data is not True)
    reasons = list(_reasons(cluster, hosts, created)) if new else []
    if reasons:
        raise RefusedError(
            f"etcd: a new cluster is not bootstrapped on {', '.join(new)}, since one may exist: {'; '.join(reasons)}. "
            f"Where a quorum of it is left, {Operation.REPLACE_MEMBER} lets a host join it again; where none is, "
            f"{Operation.RECOVER} restores a bundle; if nothing of it is to be kept, run {Operation.DELETE} first"
        )
    return new


def _reasons(cluster: Cluster, hosts: Mapping[str, BootstrapHost], created: str | None) -> Iterator[str]:
    if created is not None:
        yield f"the store says that the etcd cluster {created} was verified once"
    desired = initial_cluster_of(cluster)
    for name, host in hosts.items():
        yield from (f"{name}: {reason}" for reason in _reasons_of(cluster.name, host, desired))


def _reasons_of(cluster: str, host: BootstrapHost, desired: str) -> Iterator[str]:
    """Give what speaks against a bootstrap on one host."""
    member, origin = host.member, host.origin
    if origin.mark not in {None, cluster}:
        yield f"it is a host of the cluster `{origin.mark}`"
    if origin.remains:
        yield f"it keeps what a replacement or a recovery left ({', '.join(origin.remains)})"
    if member.status is not None:
        yield f"its member answers, of the etcd cluster {member.status.cluster_id:x}"
    elif member.has_data is None or member.process == "unknown":
        yield f"nobody can tell whether it has a member ({member.reason or 'it did not say'})"
    elif member.has_data:
        yield from _reasons_of_waiting(origin, desired)
    elif member.process == "running" and origin.initial_cluster != desired:
        yield "an etcd runs there that was not started as one of these members"


def _reasons_of_waiting(origin: MemberOrigin, desired: str) -> Iterator[str]:
    """Give what speaks against the data of a host being that of a member which waits for its first quorum.

    Raft counts the additions of the first members, one entry each, as committed from the start; whatever is applied
    beyond them took a quorum: https://github.com/etcd-io/raft/blob/v3.6.0/bootstrap.go
    """
    if origin.initial_cluster is None:
        yield "it has data, and nothing says with which members that began"
    elif origin.initial_cluster != desired:
        yield f"its member was started with other members ({origin.initial_cluster})"
    elif origin.applied is None:
        yield "it has data, and its member does not say whether it ever had a quorum"
    elif origin.applied > len(desired.split(",")):
        yield f"its member has had a quorum (it has applied {origin.applied} entries)"
