"""What keeps etcd itself in order: when a defragmentation is worth its pause, and what ends an alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from windlass.domain.etcd import quorum
from windlass.domain.etcd import status as etcd_status
from windlass.domain.etcd.status import Alarm, MemberStatus
from windlass.errors import RefusedError
from windlass.operation_names import Operation

WORTH_BYTES = 100 * 1024 * 1024
WORTH_SHARE = 0.5
_FULL_SHARE = 0.9
"""Of the quota in use: clearing the alarm would only raise it again."""


@dataclass(frozen=True)
class EtcdObservation:
    """etcd as it was just seen: statuses by host, why others were not seen, who the members are, their alarms."""

    statuses: Mapping[str, MemberStatus]
    unseen: Mapping[str, str]
    members: Sequence[etcd_status.ListedMember]
    alarms: Sequence[Alarm]
    desired: frozenset[str]

    @property
    def is_full(self) -> bool:
        """Tell whether writes are stopped for want of space."""
        return any(alarm.kind == "NOSPACE" for alarm in self.alarms)

    @property
    def membership(self) -> quorum.Membership:
        """Return the members as the rules of quorum see them; one that was not seen is unknown."""
        by_id = {status.member_id: status for status in self.statuses.values()}
        return quorum.Membership(tuple(_as_seen(one, by_id.get(one.member_id)) for one in self.members), self.desired)


def next_defragmentation(look: EtcdObservation, done: frozenset[str]) -> str | None:
    """Return the host whose member to defragment next; the leader comes last. None if none is worth its pause.

    While a member is defragmented it answers nobody: the others must hold quorum as if it was stopped. A cluster of one
    or two members is only defragmented when it is full, since its writes are stopped then anyway.
    """
    worth = [
        host for host, status in look.statuses.items() if host not in done and (look.is_full or _is_worth_it(status))
    ]
    followers_first = sorted(worth, key=lambda host: (look.statuses[host].is_leader, host))
    return next((host for host in followers_first if _may_pause(look, host)), None)


def compaction(look: EtcdObservation) -> int | None:
    """Return the revision to compact to: the newest, but only when writes are stopped. Else API servers do it."""
    return max((status.revision for status in look.statuses.values()), default=None) if look.is_full else None


def alarms_to_clear(look: EtcdObservation) -> tuple[Alarm, ...]:
    """Return the alarms whose cause is gone: NOSPACE of members that have room again."""
    by_id = {status.member_id: status for status in look.statuses.values()}
    return tuple(
        alarm
        for alarm in look.alarms
        if alarm.kind == "NOSPACE" and (status := by_id.get(alarm.member_id)) is not None and not _is_full(status)
    )


def complaints(look: EtcdObservation) -> tuple[str, ...]:
    """Return what a person must see to, with the way out."""
    names = {one.member_id: one.name or f"{one.member_id:x}" for one in look.members}
    told = [
        f"etcd on {names.get(alarm.member_id, 'a host')} is corrupt; replace it with the DAG {Operation.REPLACE_MEMBER}"
        for alarm in look.alarms
        if alarm.kind == "CORRUPT"
    ]
    full = [host for host, status in look.statuses.items() if look.is_full and _is_full(status)]
    if full:
        told.append(
            f"etcd on {', '.join(sorted(full))} uses all of its quota even when defragmented, and writes are stopped; "
            f"raise etcd.quotaBytes in the spec and run {Operation.APPLY}, or delete objects"
        )
    return tuple(told)


def _is_worth_it(status: MemberStatus) -> bool:
    free = status.database_bytes - status.database_bytes_in_use
    return free >= WORTH_BYTES and free >= status.database_bytes * WORTH_SHARE


def _is_full(status: MemberStatus) -> bool:
    return bool(status.quota_bytes) and status.database_bytes >= status.quota_bytes * _FULL_SHARE


def _may_pause(look: EtcdObservation, host: str) -> bool:
    membership = look.membership
    desired = look.statuses[host].member_id
    member = next((one for one in membership.members if one.id == desired), None)
    if member is None:
        return False
    try:
        if len(membership.voters) > 2:
            quorum.check_stop(member, membership)
        elif look.is_full:
            quorum.check_planned_outage(member, membership)
        else:
            return False
    except RefusedError:
        return False
    return True


def _as_seen(member: etcd_status.ListedMember, status: MemberStatus | None) -> quorum.Member:
    healthy = status is not None and bool(status.leader_id)
    return quorum.Member(
        name=member.name or (member.peer_urls[0] if member.peer_urls else f"{member.member_id:x}"),
        id=member.member_id,
        role="learner" if member.is_learner else "voter",
        started=member.has_started,
        health="healthy" if healthy else "unknown" if status is None else "unhealthy",
    )
