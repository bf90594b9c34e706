"""Whether a rollout may stop a member, to change it: the rules of quorum, and what was observed of it."""

from __future__ import annotations

from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.etcd.quorum import Member, Membership, check_planned_outage, check_stop
from windlass.errors import NotReadyError, RefusedError
from windlass.operation_names import Operation

ONE_BY_ONE = 3
"""So many voters it takes to change one without an outage."""


def member_named(host: str, membership: Membership) -> Member:
    """Return the member that etcd lists by the name of its host; RefusedError if it lists none."""
    found = next((member for member in membership.members if member.name == host), None)
    if found is None:
        raise RefusedError(f"{host}: etcd lists no member of that name; look at the members before anything is changed")
    return found


def check_change(member: Member, membership: Membership, observation: EtcdObservation) -> None:
    """Raise RefusedError unless a rollout may stop `member` now; NotReadyError where to wait may be enough.

    All others must be known to be healthy. Where one or two voters are all, it takes an outage, which the plan says.
    """
    _check_answer(member, observation)
    if len(membership.voters) < ONE_BY_ONE and member.is_serving:
        check_planned_outage(member, membership)
    else:
        check_stop(member, membership)


def _check_answer(member: Member, observation: EtcdObservation) -> None:
    """Refuse to stop a member that answers and is not healthy: unlike a dead one it may still hold up quorum."""
    observed = observation.at(member.name) if member.name in observation.desired else None
    if observed is None or observed.status is None or member.health == "healthy":
        return
    if not observed.has_leader:
        raise NotReadyError(
            f"{member.name}: its etcd member knows no leader; bring the others back first, then clear this task"
        )
    why = "; ".join(observed.status.errors) or "it is not the member that etcd lists at its address"
    raise RefusedError(
        f"{member.name}: its etcd member is {member.health} ({why}) and is not changed; replace it first: the DAG "
        f"{Operation.REPLACE_MEMBER}"
    )
