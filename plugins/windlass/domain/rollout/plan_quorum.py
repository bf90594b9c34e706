"""What the steps of a plan do to etcd's quorum, each after all those before it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from windlass.domain.etcd.quorum import Action, Addition, Member, Membership, Promotion, Removal, Stop, WhatIf, after
from windlass.domain.rollout.step import ETCD, ETCD_JOIN, Step
from windlass.domain.rollout.transition import REMOVES_MEMBER


@dataclass(frozen=True)
class QuorumEffect:
    """What a step does to etcd's quorum: while it is under way, and once it has ended well."""

    what_if: WhatIf
    then: str
    """Healthy voters of all voters after the step, such as `3 of 3`."""

    def __str__(self) -> str:
        return str(self.what_if)

    def value(self) -> dict[str, Any]:
        """Return it as plain values: `after` is so while the step is under way, `then` once it has ended."""
        found = self.what_if
        return {
            "now": found.now,
            "after": found.after,
            "tolerates": found.tolerates,
            "keeps": found.keeps_quorum,
            "then": self.then,
        }


def quorum_effects(step: Step, host: str, membership: Membership) -> tuple[Action, ...]:
    """Return what a step does to the members of etcd on one of its hosts; of most kinds nothing.

    A member that stops comes back before the step ends; one that is added is promoted within the same step.
    """
    member = next((one for one in membership.members if one.name == host), None)
    if step.kind == ETCD and member is not None:
        return (Stop(member),)
    if step.kind == ETCD_JOIN and (member is None or member.role == "learner" or not member.is_serving):
        return _join(host, member, membership)
    if member is not None and f"{host}: {REMOVES_MEMBER}" in step.does:
        return (Removal(member),)
    return ()


def quorum_along(membership: Membership, steps: Iterable[Step]) -> Iterator[tuple[QuorumEffect, ...]]:
    """Yield for each step what it does to quorum, for each member that it touches, given what those before it did."""
    for step in steps:
        effects, membership = follow(membership, step)
        yield effects


def follow(membership: Membership, step: Step) -> tuple[tuple[QuorumEffect, ...], Membership]:
    """Return what a step does to quorum, and the members once it has ended well."""
    found = []
    for host in step.hosts:
        now, meanwhile, actions = membership, membership, quorum_effects(step, host, membership)
        for action in actions:
            meanwhile = _joined(after(meanwhile, action), action)
        # What was stopped runs again at the end of its step, or the rollout stops there.
        membership = _serving(meanwhile, host) if any(isinstance(one, Stop) for one in actions) else meanwhile
        if actions:
            spare = max(0, meanwhile.serving - meanwhile.quorum)
            effect = WhatIf(now.count, meanwhile.count, spare, meanwhile.has_quorum)
            found.append(QuorumEffect(effect, membership.count))
    return tuple(found), membership


def _join(host: str, member: Member | None, membership: Membership) -> tuple[Action, ...]:
    if member is not None and member.role == "learner":
        return (Promotion(member),)
    # What a machine that is no more has left goes first.
    old: tuple[Action, ...] = (Removal(member),) if member is not None else ()
    number = max((one.id for one in membership.members), default=0) + 1
    learner = Member(host, number, "learner", started=True, health="healthy")
    return (*old, Addition(host, number), Promotion(learner))


def _joined(membership: Membership, action: Action) -> Membership:
    """Return the members with one that was promoted serving: etcd promotes only what has caught up."""
    return _serving(membership, action.member.name) if isinstance(action, Promotion) else membership


def _serving(membership: Membership, host: str) -> Membership:
    members = tuple(
        replace(one, started=True, health="healthy") if one.name == host else one for one in membership.members
    )
    return replace(membership, members=members)
