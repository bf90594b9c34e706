"""What an apply cannot bring about: it goes over the hosts that there are and starts what the spec adds."""

from __future__ import annotations

from windlass.domain.spec import Cluster, diff_clusters
from windlass.domain.spec.models import Host
from windlass.errors import RefusedError
from windlass.operation_names import Operation


def refuse_what_no_apply_changes(before: Cluster, after: Cluster) -> None:
    """RefusedError that names every change of the spec that would leave something running as it was.

    Hosts that are gone are not among them: these may be, once they are no part of the cluster any more.
    """
    told = [
        f"{change} (nodes, pods and services keep their addresses; make a new cluster for that)"
        for change in diff_clusters(before, after)
        if change.is_of_ranges
    ]
    for old, new in _in_both(before, after):
        told += _why(old, new)
    if told:
        raise RefusedError(
            f"{after.name}: an apply cannot change this, and changed nothing: {'; '.join(told)}; put it back into the "
            "spec"
        )


def dropped_hosts(before: Cluster, after: Cluster) -> tuple[Host, ...]:
    """Return the hosts that the spec no longer has."""
    kept = {host.name for host in after.spec.hosts.members}
    return tuple(host for host in before.spec.hosts.members if host.name not in kept)


def _in_both(before: Cluster, after: Cluster) -> list[tuple[Host, Host]]:
    old = {host.name: host for host in before.spec.hosts.members}
    return [(old[host.name], host) for host in after.spec.hosts.members if host.name in old]


def _why(old: Host, new: Host) -> list[str]:
    path = f"spec.hosts.members.{new.name}"
    told = []
    if old.address != new.address:
        told.append(
            f"{path}.address: {old.address} -> {new.address} (members, nodes and certificates keep the old one: give "
            f"the other machine another name, or trigger `{Operation.RECOVER}` with the new spec)"
        )
    gone: list[str] = [role for role in ("etcd", "control-plane") if role in old.roles and role not in new.roles]
    if old.is_node and not new.is_node and "control-plane" not in gone:
        gone.append("worker")
    if gone:
        told.append(f"{path}.roles: no {' and no '.join(gone)} any more (what it runs for that would run on)")
    return told
