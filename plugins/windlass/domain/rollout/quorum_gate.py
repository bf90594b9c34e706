"""Whether etcd and the control plane bear what the steps of a plan take from them, before any of it is done; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from windlass.domain.etcd.quorum import Membership, Removal, check
from windlass.domain.etcd.replacement import plan_replacement
from windlass.domain.rollout.plan import ETCD_JOIN, FORGET, Step
from windlass.domain.rollout.plan_quorum import follow
from windlass.domain.rollout.transition import REMOVES_MEMBER
from windlass.domain.spec.models import Cluster
from windlass.errors import RefusedError


def refused_changes(cluster: Cluster, membership: Membership, steps: Sequence[Step]) -> Iterator[str]:
    """Yield why members may not join or leave as the steps have it, each step judged by what those before it leave.

    A member that nobody knows of is none of this gate's business: `cluster` is the desired one, `membership` what etcd
    itself lists.
    """
    if not membership.members:  # no member answers: that is a finding of its own
        return
    membership = replace(membership, desired=frozenset(host.name for host in cluster.hosts_with("etcd")))
    for step in steps:
        for host in step.hosts:
            if step.kind == FORGET:
                membership = as_dead(membership, host)
            try:
                _check(step, host, membership)
            except RefusedError as refusal:
                yield str(refusal)
                return  # what comes after it would be judged by what never happens
        _, membership = follow(membership, step)


def as_dead(membership: Membership, host: str) -> Membership:
    """Return the members with the one on a host that is gone for good as dead: nobody has to see it to know."""
    members = tuple(
        replace(one, health="unhealthy") if one.name == host and one.health == "unknown" else one
        for one in membership.members
    )
    return replace(membership, members=members)


def _check(step: Step, host: str, membership: Membership) -> None:
    member = next((one for one in membership.members if one.name == host), None)
    if step.kind == ETCD_JOIN:
        plan_replacement(host, membership)
    elif member is not None and f"{host}: {REMOVES_MEMBER}" in step.does:
        check(Removal(member), membership)
