"""What keeps etcd itself in order: when a defragmentation is worth its pause, and what ends an alarm."""

from __future__ import annotations

from windlass.domain.etcd import quorum
from windlass.domain.etcd.membership import EtcdObservation, assess
from windlass.domain.etcd.status import Alarm, MemberStatus
from windlass.errors import RefusedError
from windlass.operation_names import Operation

WORTH_BYTES = 100 * 1024 * 1024
WORTH_SHARE = 0.5
_FULL_SHARE = 0.9
"""Of the quota in use: clearing the alarm would only raise it again."""


def next_defragmentation(observation: EtcdObservation, done: frozenset[str]) -> str | None:
    """Return the host whose member to defragment next; the leader comes last. None if none is worth its pause.

    While a member is defragmented it answers nobody (https://etcd.io/docs/v3.6/op-guide/maintenance/#defragmentation):
    the others must hold quorum as if it was stopped. A cluster of one or two members is only defragmented when it is
    full, since its writes are stopped then anyway.
    """
    statuses, is_full = observation.statuses, _is_without_space(observation)
    worth = [host for host, status in statuses.items() if host not in done and (is_full or _is_worth_it(status))]
    # The leader's pause stops all writes: https://github.com/gardener/etcd-backup-restore/issues/1052
    followers_first = sorted(worth, key=lambda host: (statuses[host].is_leader, host))
    return next((host for host in followers_first if _may_pause(observation, host)), None)


def compaction(observation: EtcdObservation) -> int | None:
    """Return the revision to compact to: the newest, but only when writes are stopped. Else API servers do it."""
    return observation.revision if _is_without_space(observation) else None


def alarms_to_clear(observation: EtcdObservation) -> tuple[Alarm, ...]:
    """Return the alarms whose cause is gone: NOSPACE of members that have room again."""
    roomy = {one.member_id for one in observation.statuses.values() if not _is_nearly_full(one)}
    return tuple(alarm for alarm in observation.alarms if alarm.kind == "NOSPACE" and alarm.member_id in roomy)


def complaints(observation: EtcdObservation) -> tuple[str, ...]:
    """Return what a person must see to, with the way out."""
    names = {one.member_id: one.name or f"{one.member_id:x}" for one in observation.listed()}
    told = [
        f"etcd on {names.get(alarm.member_id, 'a host')} is corrupt; replace it with the DAG {Operation.REPLACE_MEMBER}"
        for alarm in observation.alarms
        if alarm.kind == "CORRUPT"
    ]
    full = [host for host, status in observation.statuses.items() if _is_nearly_full(status)]
    if full and _is_without_space(observation):
        told.append(
            f"etcd on {', '.join(sorted(full))} uses all of its quota even when defragmented, and writes are stopped; "
            f"raise etcd.quotaBytes in the spec and run {Operation.APPLY}, or delete objects"
        )
    return tuple(told)


def _is_without_space(observation: EtcdObservation) -> bool:
    """Tell whether writes are stopped for want of space."""
    return any(alarm.kind == "NOSPACE" for alarm in observation.alarms)


def _is_worth_it(status: MemberStatus) -> bool:
    free = status.database_bytes - status.database_bytes_in_use
    return free >= WORTH_BYTES and free >= status.database_bytes * WORTH_SHARE


def _is_nearly_full(status: MemberStatus) -> bool:
    return bool(status.quota_bytes) and status.database_bytes >= status.quota_bytes * _FULL_SHARE


def _may_pause(observation: EtcdObservation, host: str) -> bool:
    membership = assess(observation)
    member = next((one for one in membership.members if one.id == observation.statuses[host].member_id), None)
    # The rules let a member that is unhealthy stop at any time. This one answers, so that it may still hold up quorum.
    if member is None or not member.is_serving:
        return False
    try:
        if len(membership.voters) > 2:
            quorum.check_stop(member, membership)
        elif _is_without_space(observation):
            quorum.check_planned_outage(member, membership)
        else:
            return False
    except RefusedError:
        return False
    return True
