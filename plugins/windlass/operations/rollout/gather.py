"""Gather what the gate looks at: all hosts, all members, all API servers and the objects of the API, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce

from windlass.domain.artifacts import Lock
from windlass.domain.etcd.membership import EtcdObservation, as_dead, assess
from windlass.domain.etcd.quorum import Membership
from windlass.domain.host.containers import Container
from windlass.domain.host.preflight import PreflightFinding
from windlass.domain.pki import Pki
from windlass.domain.pki.issuance import expiring
from windlass.domain.rendering import host_images, host_installs
from windlass.domain.rollout import HostState, RunningVersions
from windlass.domain.rollout.gate_rules import GateInputs
from windlass.domain.rollout.held import held_hosts, without_held, without_needed
from windlass.domain.rollout.removed_apis import ApiUse, without_own
from windlass.domain.rollout.stale import fetched_as, new_host_state
from windlass.domain.rollout.transition import PlaneChanges, Transition, plane_changes
from windlass.domain.rollout.version_skew import proxy_versions
from windlass.domain.rollout.workload_rules import Workloads
from windlass.effects.ssh.fan_out import HostOutcome
from windlass.effects.threads import worker_threads
from windlass.errors import NotReadyError, RefusedError
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd.observe import observe_etcd
from windlass.operations.rollout.ask_api import ApiAnswer, ask_api, ask_api_servers
from windlass.operations.rollout.context import Views
from windlass.operations.rollout.drain import is_ours
from windlass.operations.rollout.etcd import ANSWERS_WITHIN
from windlass.operations.rollout.observe import InspectedHost, drifted_parts, observe_hosts
from windlass.operations.rollout.planes import (
    Leftovers,
    as_expected,
    driver_findings,
    find_leftovers,
    joining_findings,
    presence_of,
)

_EVER = timedelta(days=36_500)
_UNPACKED = 2.5
"""How much room something takes once it is fetched and unpacked, in terms of its own size."""


@dataclass(frozen=True)
class GatheredInputs:
    """What was seen, and what a plan needs besides: who leads which etcd, which objects would change, what moves."""

    gate_inputs: GateInputs
    leader: str | None
    etcd_id: str
    add_ons: Mapping[str, tuple[str, ...]]
    """What would change of objects and nodes, a line each, with its details."""
    changes: PlaneChanges
    hosts: Mapping[str, InspectedHost]
    """The hosts that could be observed."""


def gather(views: Views, pki: Pki) -> GatheredInputs:
    """Look at everything; what could not be seen is in the result as a reason, not as an error."""
    session, before, during = views.session, views.before, views.during
    known = {host.name for host in session.hosts} - set(views.to_be_made)
    stays = [host for host in before.hosts if host.name in known]
    with worker_threads(7, "windlass-gather") as pool:
        looks = pool.submit(observe_hosts, session, pki, [one for one in session.hosts if one.name in known])
        old_looks = pool.submit(observe_hosts, before, pki, stays if views.compares_before else [])
        etcd = pool.submit(observe_etcd, during, pki, answers_within=ANSWERS_WITHIN)
        servers = pool.submit(ask_api_servers, views, pki)
        objects = pool.submit(ask_api, views, pki)
        leftovers = pool.submit(find_leftovers, during, views.transition)
        joining = joining_findings(views, looks.result())
        misfits = driver_findings(session, looks.result())
    return _together(
        views,
        pki,
        _Answers(
            looks.result(),
            old_looks.result() if views.compares_before else looks.result(),
            etcd.result(),
            servers.result(),
            objects.result(),
            leftovers.result(),
            joining,
            misfits,
        ),
    )


@dataclass(frozen=True)
class _Answers:
    looks: Mapping[str, HostOutcome[InspectedHost]]
    old_looks: Mapping[str, HostOutcome[InspectedHost]]
    etcd: EtcdObservation
    servers: Mapping[str, HostOutcome[tuple[ApiUse, ...]]]
    api: ApiAnswer
    leftovers: Leftovers
    joining: tuple[PreflightFinding, ...]
    misfits: tuple[PreflightFinding, ...]


def _together(views: Views, pki: Pki, found: _Answers) -> GatheredInputs:
    session, transition = views.session, views.transition
    looks = {name: outcome.get() for name, outcome in found.looks.items() if outcome.is_ok}
    old = {name: outcome.get() for name, outcome in found.old_looks.items() if outcome.is_ok}
    servers = {name: str(outcome.error) for name, outcome in found.servers.items() if not outcome.is_ok}
    if found.api.reason:
        servers["the API"] = found.api.reason
    asked = {use for outcome in found.servers.values() if outcome.is_ok for use in outcome.get()}
    requests, unsure = without_own(asked, found.api.own)
    membership, cluster_id, etcd_reasons = _judged(found.etcd)
    silent = {name: str(outcome.error) for name, outcome in found.looks.items() if not outcome.is_ok}
    unreachable = {**silent, **found.leftovers.unreachable}
    states = with_cordons({name: look.state for name, look in looks.items()}, found.api.workloads)
    changes = _changes(views, found, looks, membership, unreachable)
    # A machine is told as what it will be, so that the plan is the same whether its provider has made it or not.
    bare = [
        host for host in session.hosts if host.name in changes.prepare and not _is_marked(looks.get(host.name), session)
    ]
    states |= {host.name: new_host_state(host) for host in bare}
    expected = as_expected(membership, found.etcd, transition, {*changes.etcd_joins, *changes.forget})
    held = held_hosts(views.session.cluster, states, unreachable, expected, found.etcd, changes.api_joins)
    changes = without_needed(changes, states, held)
    gate_inputs = GateInputs(
        running=running_versions(looks, found.etcd, found.api.workloads, (session.lock, views.before.lock)),
        states=without_held(states, held),
        held=held,
        drifted=_drifted(views, old, {name: look for name, look in looks.items() if name not in changes.prepare}),
        is_spec_changed=views.is_changed,
        unreachable=unreachable,
        membership=expected,
        members=reduce(as_dead, transition.gone, membership),
        etcd_reasons={name: why for name, why in etcd_reasons.items() if not _is_moving(name, changes, transition)},
        alarms=found.etcd.alarms if cluster_id else (),
        api_reasons={name: why for name, why in servers.items() if not _is_moving(name, changes, transition)},
        workloads=found.api.workloads,
        uses=tuple(sorted({*requests, *found.api.uses})),
        unsure_uses=unsure,
        expiries=_expiries(pki),
        free_kib={name: _free(look.observed.facts.disk_free_kib) for name, look in looks.items()},
        needed_kib={name: _needed(session, name, look) for name, look in looks.items()},
        joining=tuple(map(str, found.joining)),
        misfits=tuple(map(str, found.misfits)),
        absent_nodes=frozenset(
            {*changes.prepare, *changes.node_joins, *unreachable, *(host.name for host in transition.leaving)}
        ),
        to_be_made=views.to_be_made,
    )
    return GatheredInputs(gate_inputs, found.etcd.leader, cluster_id, found.api.add_ons, changes, looks)


def _expiries(pki: Pki) -> dict[str, datetime]:
    """Return when what the PKI holds ends; nothing while it is changed, since that must not hold up its own change."""
    ends = () if pki.rotations else expiring(pki, datetime.now(UTC), _EVER)
    return {one.name: one.not_after for one in ends}


def _changes(
    views: Views,
    found: _Answers,
    looks: Mapping[str, InspectedHost],
    membership: Membership,
    unreachable: Mapping[str, str],
) -> PlaneChanges:
    nodes = None if found.api.reason else [one["metadata"]["name"] for one in found.api.workloads.nodes]
    there = replace(
        presence_of(looks, found.etcd, membership, nodes, found.leftovers),
        prepared=frozenset(host for host, look in looks.items() if _is_marked(look, views.session)),
        unreachable=frozenset(unreachable),
    )
    uncertified = frozenset(name for name, look in looks.items() if "certificates" in look.state.stale)
    return plane_changes(views.transition, there, uncertified)


def _drifted(
    views: Views, old: Mapping[str, InspectedHost], new: Mapping[str, InspectedHost]
) -> Mapping[str, tuple[str, ...]] | None:
    return None if views.is_changed and not views.compares_before else drifted_parts(old, new)


def _is_marked(look: InspectedHost | None, session: ClusterSession) -> bool:
    return look is not None and look.observed.facts.cluster == session.cluster.name


def _is_moving(name: str, changes: PlaneChanges, transition: Transition) -> bool:
    """Say whether a host is not to serve yet, or not any more: then nobody expects that it does."""
    joins = {*changes.etcd_joins, *changes.api_joins, *changes.prepare}
    return name in joins or name in transition.gone or name in changes.leave or name in changes.forget


def _judged(etcd: EtcdObservation) -> tuple[Membership, str, Mapping[str, str]]:
    """Return the members, the id of their cluster in hex, and why members do not answer or cannot be judged."""
    try:
        return assess(etcd), f"{etcd.cluster_id:x}", etcd.reasons
    except (NotReadyError, RefusedError) as error:  # no member answers, or members of two clusters do
        return Membership((), frozenset(etcd.desired)), "", {**etcd.reasons, "etcd": str(error)}


def with_cordons(states: Mapping[str, HostState], workloads: Workloads) -> dict[str, HostState]:
    """Return the states with what an earlier rollout left cordoned among what is to be changed."""
    left = {node["metadata"]["name"] for node in workloads.nodes if is_ours(dict(node))}
    return {
        name: replace(state, stale={**state.stale, "cordon": "open for pods again"}) if name in left else state
        for name, state in states.items()
    }


def running_versions(
    looks: Mapping[str, InspectedHost], etcd: EtcdObservation, workloads: Workloads, locks: Iterable[Lock]
) -> RunningVersions:
    """Return which version of each component runs where; a proxy's is that of its image's digest in `locks`."""

    def of(component: str) -> dict[str, str]:
        found = {name: look.observed.running(component) for name, look in looks.items()}
        return {name: one.version or "" for name, one in found.items() if isinstance(one, Container)}

    return RunningVersions(
        etcd={name: f"v{status.version}" for name, status in etcd.statuses.items()},
        api_servers=of("kube-apiserver"),
        managers=of("kube-controller-manager"),
        schedulers=of("kube-scheduler"),
        kubelets={one["metadata"]["name"]: one["status"]["nodeInfo"]["kubeletVersion"] for one in workloads.nodes},
        proxies=proxy_versions(workloads.pods, locks),
    )


def _free(disks: Mapping[str, int]) -> int:
    """Return the room on the fullest of the file systems that programs, images and data lie on."""
    return min(disks.values(), default=0)


def _needed(session: ClusterSession, name: str, look: InspectedHost) -> int:
    """Return the KiB that fetching what the host lacks takes."""
    host = next(host for host in session.hosts if host.name == name)
    architecture = look.observed.facts.architecture
    desired = [install.artifact for install in host_installs(session.cluster, session.release, host, architecture)]
    desired += [
        image.artifact for image in host_images(session.cluster, session.release, host, session.lock, session.mirror)
    ]
    lacking = set(look.state.fetches)
    sizes = (
        session.lock.artifacts[one].size
        for one in set(desired)
        if fetched_as(one) in lacking and one in session.lock.artifacts
    )
    return int(sum(sizes) * _UNPACKED / 1024)
