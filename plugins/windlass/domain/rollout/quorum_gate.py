"""Whether etcd and the control plane bear what the steps of a plan take from them, before any of it is done; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from windlass.domain.etcd.drift import etcd_drift
from windlass.domain.etcd.membership import as_dead
from windlass.domain.etcd.quorum import Membership, Removal, check
from windlass.domain.etcd.replacement import plan_replacement
from windlass.domain.rollout.gate import GateFinding, finding, warning, without_passed
from windlass.domain.rollout.plan_quorum import follow
from windlass.domain.rollout.step import ETCD, ETCD_JOIN, FORGET, LEAVE, Step
from windlass.domain.rollout.transition import REMOVES_MEMBER, STOPS_SERVER
from windlass.domain.spec.models import Cluster
from windlass.errors import RefusedError
from windlass.operation_names import Operation

if TYPE_CHECKING:
    from windlass.domain.rollout.gate_rules import GateInputs

_BACK = "bring its members back first; a host that is gone for good leaves the spec, and is named in the param `gone`"


def judge_members(
    cluster: Cluster, seen: GateInputs, steps: Sequence[Step], *, is_upgrade: bool
) -> Iterator[GateFinding]:
    """Judge etcd: what is wrong on hosts that answer is fixed before members move; who is down is left out as they can.

    That members may move while others are down is up to the rules of quorum, asked for each step.
    """
    drift = etcd_drift(seen.membership, seen.alarms)
    told = [str(one) for one in drift if one.member not in seen.unreachable]
    told += [reason for name, reason in seen.etcd_reasons.items() if name not in seen.unreachable]
    if not seen.listed.has_quorum:
        told.append(f"etcd has no quorum: {seen.listed.count} voters are known to be healthy")
    moves_members = is_upgrade or bool({ETCD, ETCD_JOIN, FORGET} & {step.kind for step in steps})
    judge = finding if moves_members or not seen.listed.has_quorum else warning
    remedy = f"fix the member first: `{Operation.REMEDIATE}`"
    yield judge("etcd members", told, remedy, f"{seen.listed.count} voters are healthy")
    yield from without_passed(
        finding("etcd quorum", refused_changes(cluster, seen.listed, steps), _BACK, ""),
        finding("control plane", _last_servers(cluster, seen, steps), "bring another one back first", ""),
    )


def _last_servers(cluster: Cluster, seen: GateInputs, steps: Sequence[Step]) -> Iterator[str]:
    """Yield API servers that would stop, or lose their etcd, for good while none that stays answers."""
    stays = {host.name for host in cluster.hosts_with("control-plane")}
    removes = any(REMOVES_MEMBER in line for step in steps if step.kind == LEAVE for line in step.does)
    for name in stays & set(seen.held) if removes else ():
        yield f"{name}: its API server may know only members that leave, and is left as it is: {seen.held[name]}"
    if stays <= set(seen.unreachable):
        for step in steps:
            if step.kind == LEAVE and any(STOPS_SERVER in line for line in step.does):
                yield f"{', '.join(step.hosts)}: no other API server can be reached"


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


def _check(step: Step, host: str, membership: Membership) -> None:
    member = next((one for one in membership.members if one.name == host), None)
    if step.kind == ETCD_JOIN:
        plan_replacement(host, membership)
    elif member is not None and f"{host}: {REMOVES_MEMBER}" in step.does:
        check(Removal(member), membership)
