"""Which member a snapshot is taken from: a healthy follower that is as fresh as the leader, else the leader."""

from __future__ import annotations

from collections.abc import Mapping

from windlass.domain.etcd.status import MemberStatus, status_health
from windlass.errors import NotReadyError


def snapshot_source(statuses: Mapping[str, MemberStatus], reasons: Mapping[str, str]) -> str:
    """Return the host whose member gives the snapshot.

    `statuses` are by host in the order in which they were asked, the leader's first if there is one: then a follower
    that has applied what the leader had is as fresh. NotReadyError if none can give one; `reasons` say why others
    do not answer.
    """
    usable = {host: status for host, status in statuses.items() if _is_usable(status)}
    leaders = [host for host, status in usable.items() if status.is_leader]
    if not leaders:
        told = [f"{host}: {', '.join(status.errors) or 'knows no leader'}" for host, status in statuses.items()]
        why = "; ".join([*told, *(f"{host}: {reason}" for host, reason in reasons.items())])
        raise NotReadyError(f"no snapshot can be taken: no etcd member leads ({why}); bring etcd back first")
    leader = usable[leaders[0]]
    fresh = [
        host
        for host, status in usable.items()
        if not status.is_leader and status.raft_applied_index >= leader.raft_applied_index
    ]
    # The one with the least to send is as good as any, and the same at each backup: its disk is warm.
    return min(fresh, key=lambda host: (usable[host].database_bytes, host)) if fresh else leaders[0]


def _is_usable(status: MemberStatus) -> bool:
    return status_health(status) == "healthy" and not status.is_learner
