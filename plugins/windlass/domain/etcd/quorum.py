"""What may be done to etcd's members: the one place that decides it, asked by every operation before it acts.

The rules:

- Quorum is a majority of all voting members, whatever their health. Only a member that is known to be healthy counts
  towards it; one that could not be seen is neither healthy nor dead, so that it is neither relied on nor removed.
- A change needs quorum to be committed, and must leave quorum behind.
- One change at a time: members that never started are removed first, a learner is promoted or removed before anything
  else, and nothing else goes while a member that the spec wants is missing.
- A new member joins as a learner, which has no vote until it has caught up.

Source of the rules: https://etcd.io/docs/v3.6/op-guide/runtime-configuration/ and .../learning/design-learner/
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from windlass.domain.etcd.status import MemberHealth
from windlass.errors import RefusedError
from windlass.operation_names import Operation

MemberRole = Literal["voter", "learner"]
Refuse = Callable[[str, str], RefusedError]
"""Makes the error of a refusal from why, and the way out."""

_RECOVER = f"bring members back, or run the DAG {Operation.RECOVER}"


@dataclass(frozen=True)
class Member:
    """One etcd member as etcd lists it, and as it was last seen."""

    name: str
    """Name of its host; of a member that never started, which etcd knows no name of, its peer address."""
    id: int
    role: MemberRole
    started: bool
    """Whether it ever joined: etcd lists it with a name. Whether it runs now is a matter of its health."""
    health: MemberHealth

    @property
    def is_serving(self) -> bool:
        """Say whether it is known to do its part."""
        return self.started and self.health == "healthy"


@dataclass(frozen=True)
class Membership:
    """All members of one etcd cluster, and the hosts that should be members."""

    members: tuple[Member, ...]
    desired: frozenset[str]
    """Names of the spec's etcd hosts."""

    @property
    def voters(self) -> tuple[Member, ...]:
        """Return the members that have a vote, started or not."""
        return tuple(member for member in self.members if member.role == "voter")

    @property
    def unfinished(self) -> tuple[Member, ...]:
        """Return the members that a change left halfway: learners, and those that never started."""
        return tuple(member for member in self.members if member.role == "learner" or not member.started)

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the names of hosts that should be voters and are not."""
        return tuple(sorted(self.desired - {member.name for member in self.voters}))

    @property
    def quorum(self) -> int:
        """Return how many voters must agree to commit anything."""
        return len(self.voters) // 2 + 1

    @property
    def serving(self) -> int:
        """Return how many voters are known to be healthy."""
        return sum(1 for member in self.voters if member.is_serving)

    @property
    def has_quorum(self) -> bool:
        """Say whether enough voters are known to be healthy; False also when too few could be seen."""
        return bool(self.voters) and self.serving >= self.quorum

    @property
    def count(self) -> str:
        """Say how many voters are known to be healthy, of how many: `2 of 3`."""
        return f"{self.serving} of {len(self.voters)}"

    def others(self, member: Member) -> tuple[Member, ...]:
        """Return the voters without `member`."""
        return tuple(voter for voter in self.voters if voter.id != member.id)


@dataclass(frozen=True)
class Removal:
    """Take a member out of the cluster."""

    member: Member


@dataclass(frozen=True)
class Addition:
    """Add the host `name` as a learner, with the id that etcd gives it."""

    name: str
    id: int = 0


@dataclass(frozen=True)
class Promotion:
    """Give a learner its vote."""

    member: Member


@dataclass(frozen=True)
class Stop:
    """Stop a member's process, to restart, change or repair it."""

    member: Member


Action = Removal | Addition | Promotion | Stop


@dataclass(frozen=True)
class WhatIf:
    """What a step does to quorum, to be shown before it is taken."""

    now: str
    """Healthy voters of all voters, such as `3 of 3`."""
    after: str
    tolerates: int
    """Further failures that the cluster survives after the step."""
    keeps_quorum: bool

    def __str__(self) -> str:
        end = f"tolerates {self.tolerates}" if self.keeps_quorum else "no quorum"
        return f"now {self.now}; after this step {self.after}; {end}"


def what_if(membership: Membership, action: Action) -> WhatIf:
    """Say what `action` would do to quorum, whether or not it is allowed."""
    then = after(membership, action)
    spare = max(0, then.serving - then.quorum)
    return WhatIf(membership.count, then.count, spare, then.has_quorum)


def after(membership: Membership, action: Action) -> Membership:
    """Return the membership as it is right after `action`."""
    members = membership.members
    match action:
        case Removal(member):
            members = tuple(other for other in members if other.id != member.id)
        case Addition(name, member_id):
            members = (*members, Member(name, member_id, "learner", started=False, health="unhealthy"))
        case Promotion(member):
            members = tuple(replace(one, role="voter") if one.id == member.id else one for one in members)
        case Stop(member):
            members = tuple(replace(one, health="unhealthy") if one.id == member.id else one for one in members)
    return replace(membership, members=members)


def check(action: Action, membership: Membership) -> None:
    """Raise RefusedError unless `action` is allowed now."""
    match action:
        case Removal(member):
            check_removal(member, membership)
        case Addition(name):
            check_addition(name, membership)
        case Promotion(member):
            check_promotion(member, membership)
        case Stop(member):
            check_stop(member, membership)


def check_removal(member: Member, membership: Membership) -> None:
    """Raise RefusedError unless etcd can commit the removal, keeps quorum, and nothing else is under way."""
    refuse = _refusal(f"removing {member.name}")
    member = _current(member, membership, refuse)
    _check_commit(membership, refuse)
    if not member.started:
        return
    if member.health == "unknown":
        raise refuse("it could not be seen, which does not mean that it is dead", "look again from other hosts")
    _check_nothing_else(membership, refuse, but=member)
    if member.role == "learner":
        return
    _check_replaceable(member, membership, refuse)
    then = after(membership, Removal(member))
    if not then.has_quorum:
        why = f"{then.count} voters would be healthy, and {then.quorum} are needed" if then.voters else "it is the last"
        raise refuse(why, _RECOVER if then.voters else "delete the cluster instead")


def check_addition(name: str, membership: Membership) -> None:
    """Raise RefusedError unless the host `name` may join as a learner now."""
    refuse = _refusal(f"adding {name}")
    if name not in membership.desired:
        raise refuse("the spec has no etcd host of that name", "add it to the spec first")
    _check_commit(membership, refuse)
    for member in membership.members:
        if member.name == name:
            raise refuse("it is a member already", "remove the old member first, or restart it")
    _check_nothing_else(membership, refuse)


def check_promotion(member: Member, membership: Membership) -> None:
    """Raise RefusedError unless the learner may get its vote; whether it has caught up, etcd itself checks."""
    refuse = _refusal(f"promoting {member.name}")
    member = _current(member, membership, refuse)
    if member.role != "learner":
        raise refuse("it has its vote already", "nothing is to be done")
    if not member.is_serving:
        seen = "has not started" if not member.started else f"is {member.health}"
        raise refuse(f"it {seen}, and its vote would make quorum harder to reach", "wait for it, or remove it")
    _check_commit(membership, refuse)
    _check_nothing_else(membership, refuse, but=member)


def check_stop(member: Member, membership: Membership) -> None:
    """Raise RefusedError unless the others hold quorum while `member` is stopped.

    A member that is known to be dead may always be stopped, and so restarted: it takes nothing away.
    """
    refuse = _refusal(f"stopping {member.name}")
    member = _current(member, membership, refuse)
    if member.role == "learner" or not member.started or member.health == "unhealthy":
        return
    then = after(membership, Stop(member))
    if not then.has_quorum:
        why = f"{then.count} voters would be healthy, and {then.quorum} are needed"
        raise refuse(why, "bring the others back first" if len(then.voters) > 2 else "it takes a planned outage")
    _check_nothing_else(membership, refuse)
    for other in membership.others(member):
        if not other.is_serving:
            raise refuse(f"{other.name} is {other.health}", f"bring {other.name} back first")


def check_planned_outage(member: Member, membership: Membership) -> None:
    """Raise RefusedError unless stopping `member` costs quorum in any order of steps, and all members are healthy.

    One or two voters can only be restarted with an outage; the caller has told somebody so.
    """
    refuse = _refusal(f"stopping {member.name} for an outage")
    member = _current(member, membership, refuse)
    if len(membership.voters) > 2:
        raise refuse(f"{len(membership.voters)} voters can be stopped one by one without an outage", "do that")
    _check_nothing_else(membership, refuse)
    if membership.serving < len(membership.voters):
        raise refuse(f"only {membership.count} voters are healthy", _RECOVER)


def _refusal(doing: str) -> Refuse:
    return lambda why, way_out: RefusedError(f"etcd: {doing} is refused: {why}; {way_out}")


def _current(member: Member, membership: Membership, refuse: Refuse) -> Member:
    """Return the member as it is now, whatever the caller saw earlier."""
    found = next((one for one in membership.members if one.id == member.id), None)
    if found is None:
        raise refuse(f"no member has the id {member.id:x}", "look at the members again")
    return found


def _check_commit(membership: Membership, refuse: Refuse) -> None:
    if not membership.has_quorum:
        unseen = sum(1 for voter in membership.voters if voter.health == "unknown")
        also = f" ({unseen} could not be seen)" if unseen else ""
        why = f"only {membership.count} voters are known to be healthy{also}, and {membership.quorum} must agree to it"
        raise refuse(why, "look again from other hosts" if unseen else _RECOVER)


def _check_nothing_else(membership: Membership, refuse: Refuse, but: Member | None = None) -> None:
    for member in membership.unfinished:
        if but is not None and member.id == but.id:
            continue
        if not member.started:
            raise refuse(f"{member.name} was added and never started", f"start or remove {member.name} first")
        raise refuse(f"{member.name} is still a learner", f"promote or remove {member.name} first")


def _check_replaceable(member: Member, membership: Membership, refuse: Refuse) -> None:
    """Refuse to take a voter away while another one is missing or, if this one is healthy, while another one is not."""
    twin = any(other.name == member.name for other in membership.others(member))
    if member.name in membership.desired and membership.missing and not twin:
        missing = ", ".join(membership.missing)
        raise refuse(f"{missing} is being replaced", f"add {missing} first, or take it out of the spec")
    if not member.is_serving:
        return
    for other in membership.others(member):
        if not other.is_serving:
            raise refuse(
                f"it is healthy, and {other.name} is {other.health}", f"bring back or remove {other.name} first"
            )
