"""What a rollout leaves as it is while a host is down that it would take to stop anything else safely; pure.

It is no part of the plan then, so that everything else goes on; once the host is back, the next plan has it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from windlass.domain.etcd.change import check_change
from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.etcd.quorum import Member, Membership
from windlass.domain.rollout.step import API_SERVICE, ETCD_SERVICE, PROXY, HostState
from windlass.domain.rollout.transition import REMOVES_MEMBER, STOPS_SERVER, PlaneChanges
from windlass.domain.spec.models import Cluster
from windlass.errors import NotReadyError, RefusedError


def held_hosts(
    cluster: Cluster,
    states: Mapping[str, HostState],
    down: Collection[str],
    membership: Membership,
    etcd: EtcdObservation,
    starts: Collection[str] = (),
) -> dict[str, str]:
    """Return the hosts of which a part may not stop while the hosts that are `down` stay so, each with the reason.

    `states` are those of hosts that answer; an API server that only `starts` takes nothing away.
    """
    held = dict(_held_members(states, down, membership, etcd))
    planes = {host.name for host in cluster.hosts_with("control-plane")}
    # One that is only to be started, on a host that is held, is not there for the others to stop.
    silent = {*down, *(name for name in held if name in starts)}
    for name, state in states.items():
        stops = API_SERVICE in state.stale and name not in starts
        if stops and name not in held and len(planes) > 1 and planes - {name} <= silent:
            held[name] = "its API server is the last one that serves"
    return held


def _held_members(
    states: Mapping[str, HostState], down: Collection[str], membership: Membership, etcd: EtcdObservation
) -> Iterator[tuple[str, str]]:
    members = {member.name: member for member in membership.members}
    if not any(name in down for name in members):
        return
    for name, state in states.items():
        if ETCD_SERVICE in state.stale and name in members:
            reason = _why_not_stopped(members[name], membership, etcd)
            if reason:
                yield name, reason


def without_held(states: Mapping[str, HostState], held: Mapping[str, str]) -> dict[str, HostState]:
    """Return the states without what those that are `held` would stop: only their proxies learn what is new.

    A host's files are written, and its stacks started by them, all at once: so they wait too.
    """
    return {name: replace(state, stale=_only_proxy(state)) if name in held else state for name, state in states.items()}


def without_needed(changes: PlaneChanges, states: Mapping[str, HostState], held: Collection[str]) -> PlaneChanges:
    """Return the changes without what leaves and is needed still, since what takes its place is `held`.

    That is members of etcd, if an API server that is held may know no others yet, and the API servers that serve now,
    if every one of the spec's is yet to be started on a host that is held.
    """
    needed = {REMOVES_MEMBER} if any(API_SERVICE in states[name].stale for name in held) else set()
    staying = changes.staying_api
    if staying is not None:
        staying -= set(held) & set(changes.api_joins)
        needed |= set() if staying else {STOPS_SERVER}
    leave = {
        name: does for name, does in changes.leave.items() if not any(f"{name}: {what}" in does for what in needed)
    }
    return replace(changes, leave=leave, staying_api=staying)


def _only_proxy(state: HostState) -> dict[str, str]:
    return {part: how for part, how in state.stale.items() if part == PROXY}


def _why_not_stopped(member: Member, membership: Membership, etcd: EtcdObservation) -> str:
    try:
        check_change(member, membership, etcd)
    except (RefusedError, NotReadyError) as refusal:
        return str(refusal)
    return ""
