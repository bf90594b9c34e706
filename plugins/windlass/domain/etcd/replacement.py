"""How one etcd member is replaced, as a plan: remove, add as a learner, start, promote, one after the other.

Each step is judged by `windlass.domain.etcd.quorum` on what the steps before it leave; whoever acts asks again before
each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from windlass.domain.etcd.drift import etcd_drift
from windlass.domain.etcd.quorum import (
    Addition,
    Member,
    Membership,
    Promotion,
    Removal,
    after,
    check,
    what_if,
)
from windlass.errors import RefusedError


@dataclass(frozen=True)
class Start:
    """Start the member on the host `name` without data, to receive it as the learner that it was added as."""

    name: str


Step = Removal | Addition | Start | Promotion


@dataclass(frozen=True)
class ReplacementStep:
    """One step, and what it does to quorum."""

    step: Step
    text: str

    def __str__(self) -> str:
        return self.text


def plan_replacement(name: str, membership: Membership) -> tuple[ReplacementStep, ...]:
    """Return the steps that make the host `name` a healthy voter; none if it is one and nothing is left over.

    What an earlier change left halfway goes first, members that never started before all. RefusedError says which
    step is not allowed, and why.
    """
    if name not in membership.desired:
        raise RefusedError(f"etcd: the spec has no etcd host `{name}`; it has {', '.join(sorted(membership.desired))}")
    is_settled = all(one.member != name for one in etcd_drift(membership))
    return () if is_settled and not membership.unfinished else tuple(_planned(name, membership))


def _planned(name: str, membership: Membership) -> Iterator[ReplacementStep]:
    for member in sorted(membership.unfinished, key=lambda one: one.started):
        if member.name == name and member.is_serving:
            continue
        step = Removal(member)
        yield _checked(step, membership)
        membership = after(membership, step)
    mine = [member for member in membership.members if member.name == name]
    if not any(member.is_serving for member in mine):
        for member in mine:
            step = Removal(member)
            yield _checked(step, membership)
            membership = after(membership, step)
        yield _checked(Addition(name), membership)
        yield ReplacementStep(Start(name), f"start {name} without data, and wait until it has caught up")
        membership = _started(name, after(membership, Addition(name)))
        mine = [membership.members[-1]]
    learner = next((member for member in mine if member.role == "learner" and member.is_serving), None)
    if learner is not None:
        yield _checked(Promotion(learner), membership)
        membership = after(membership, Promotion(learner))
    for twin in [member for member in membership.members if member.name == name and not member.is_serving]:
        yield _checked(Removal(twin), membership)
        membership = after(membership, Removal(twin))


def _checked(step: Removal | Addition | Promotion, membership: Membership) -> ReplacementStep:
    check(step, membership)
    return ReplacementStep(step, f"{_text(step)} ({what_if(membership, step)})")


def _text(step: Removal | Addition | Promotion) -> str:
    match step:
        case Removal(member):
            return f"remove {_described(member)}"
        case Addition(name):
            return f"add {name} as a learner"
        case Promotion(member):
            return f"give {member.name} its vote"


def _described(member: Member) -> str:
    if not member.started:
        return f"the member at {member.name}, which never started"
    return f"the {member.health} {member.role} {member.name}"


def _started(name: str, membership: Membership) -> Membership:
    members = tuple(
        replace(one, started=True, health="healthy") if one.name == name and not one.started else one
        for one in membership.members
    )
    return replace(membership, members=members)
