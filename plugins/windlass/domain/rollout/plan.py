"""In which order a change rolls over the hosts: a pure function of what is wanted and what is seen.

Nothing remembers how far a rollout has come. Whatever runs already as it should is no part of the plan, so the plan
of a rollout that broke off is what is left of it.

The order: everything is fetched first, on all hosts, and those that join are prepared. Hosts that are gone for good
are forgotten, so that etcd does not count on them. Members join etcd one by one, before any that is there is stopped
and before any leaves; then the members that are there change one by one, the leader last. Every proxy learns of API
servers that join before these start, side by side; then those that are there change one by one. (Where etcd had one
member, API servers know no other one until then, and the member changes after them.) Then what is left on
each host: hosts that join side by side, control-plane hosts one by one, workers in batches; those on which
nothing starts again go side by side as well. What leaves leaves last:
no proxy leads to an API server that stops, and none counts on a member that goes. Add-ons are last of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from windlass.domain.rollout.batches import batches
from windlass.domain.rollout.hooks import HOOKS
from windlass.domain.rollout.step import (
    ADD_ONS,
    API_SERVER,
    API_SERVICE,
    ETCD,
    ETCD_JOIN,
    ETCD_SERVICE,
    FORGET,
    HOST,
    KUBELET,
    LEAVE,
    NARROW,
    NODE_LINE,
    PREFETCH,
    PREPARE,
    PROXY,
    PROXY_CONTAINER,
    PROXY_RELOADED,
    WIDEN,
    HostState,
    Step,
)
from windlass.domain.rollout.transition import PlaneChanges
from windlass.domain.spec.models import Cluster, Host


def plan_rollout(
    cluster: Cluster,
    states: Mapping[str, HostState],
    *,
    leader: str | None,
    add_ons: Sequence[str],
    changes: PlaneChanges | None = None,
) -> tuple[Step, ...]:
    """Return the steps from what `states` say to what `cluster` wants, in order; empty if nothing is to be done.

    A host without a state did not answer, and is left out. `leader` is the host of etcd's leader, None where nobody
    leads or nobody could be asked; `add_ons` the objects of the cluster that would change; `changes` what joins and
    leaves.
    """
    changes = changes or PlaneChanges()
    hosts = [host for host in cluster.spec.hosts.members if host.name in states]
    widens, narrows = _proxies(hosts, states, changes)
    joining = _joining(hosts, states, changes)
    etcd, servers = tuple(_etcd(hosts, states, leader, changes)), (*widens, *_api_servers(hosts, states, changes))
    changing = (
        *_prepares(changes),
        *_members(changes),
        *((*servers, *etcd) if changes.is_etcd_last else (*etcd, *servers)),
        *_hosts(cluster, hosts, states, joining, changes),
        *narrows,
        *_leaves(cluster, changes),
        *_add_ons(add_ons, [name for name in changes.node_joins if name not in joining]),
    )
    is_due = bool(changing) or any(states[host.name].missing for host in hosts)
    return (*(_fetches(hosts, states, changes) if is_due else ()), *changing)


def _add_ons(add_ons: Sequence[str], unmarked: Sequence[str]) -> Iterator[Step]:
    """Yield the step on objects: those that would change, and nodes that no other step gives their labels."""
    does = (*add_ons, *map(_does_node, unmarked))
    if does:
        yield Step(ADD_ONS, (), does)


def _does_node(name: str) -> str:
    return f"{NODE_LINE}{name}: its labels and taints"


def _fetches(hosts: Sequence[Host], states: Mapping[str, HostState], changes: PlaneChanges) -> Iterator[Step]:
    places = [host.name for host in hosts if states[host.name].fetches and host.name not in changes.prepare]
    if places:
        yield Step(
            PREFETCH, tuple(places), tuple(f"{name}: fetch {what}" for name in places for what in states[name].fetches)
        )


def _prepares(changes: PlaneChanges) -> Iterator[Step]:
    if changes.prepare:
        does = tuple(f"{name}: install what it lacks, write files and certificates" for name in changes.prepare)
        yield Step(PREPARE, changes.prepare, does)


def _members(changes: PlaneChanges) -> Iterator[Step]:
    """Yield what changes who etcd's members are: what is halfway first, and what is dead before anything is added."""
    forget = [Step(FORGET, (name,), does) for name, does in changes.forget.items()]
    joins = [
        Step(ETCD_JOIN, (name,), (f"{name}: join etcd as a learner, then vote",))
        for name in sorted(changes.etcd_joins, key=lambda one: one not in changes.unfinished)
    ]
    begun = len(changes.unfinished)
    yield from (*joins[:begun], *forget, *joins[begun:])


def _etcd(
    hosts: Sequence[Host], states: Mapping[str, HostState], leader: str | None, changes: PlaneChanges
) -> Iterator[Step]:
    stale = [host.name for host in hosts if ETCD_SERVICE in states[host.name].stale]
    for name in sorted((name for name in stale if name not in changes.etcd_joins), key=lambda name: name == leader):
        yield Step(ETCD, (name,), (_does(name, states, ETCD_SERVICE),))


def _proxies(
    hosts: Sequence[Host], states: Mapping[str, HostState], changes: PlaneChanges
) -> tuple[list[Step], list[Step]]:
    """Return the steps that tell proxies of what joins, and of what leaves; one of both where only one is needed."""
    # A proxy that is to start again reads its list then, which nothing else changes.
    may_differ = {PROXY, PROXY_CONTAINER} if changes.api_joins or changes.has_leaving_api else {PROXY}
    names = [host.name for host in hosts if may_differ & set(states[host.name].stale)]
    new = [name for name in changes.prepare if name not in names]
    # A node that leaves needs the API until its pods have left it.
    leaving = tuple(name for name in changes.leave if name not in names and name in changes.drained)
    # All proxies must lead to an API server that starts, and a host that changes needs one that serves.
    needs = any(API_SERVICE in state.stale for state in states.values()) or any(_rest(states[name]) for name in names)
    wide = (*names, *leaving) if changes.api_joins or (names and needs) else ()
    # What joins knows of all API servers at first; what leaves may lead to nothing but some that leave before it, if a
    # change before this one was ended halfway.
    late = dict.fromkeys((*new, *leaving)) if changes.has_leaving_api else ()
    narrow = (*names, *late) if changes.has_staying_api and (changes.has_leaving_api or not wide) else ()
    return (
        [Step(WIDEN, wide, _does_proxies(wide))] if wide else [],
        [Step(NARROW, narrow, _does_proxies(narrow))] if narrow else [],
    )


def _does_proxies(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name}: {PROXY_RELOADED}" for name in names)


def _api_servers(hosts: Sequence[Host], states: Mapping[str, HostState], changes: PlaneChanges) -> Iterator[Step]:
    """Yield those that do not run yet, which start side by side, then the others one by one."""
    stale = [host.name for host in hosts if API_SERVICE in states[host.name].stale]
    joins = tuple(name for name in stale if name in changes.api_joins)
    if joins:
        yield Step(API_SERVER, joins, tuple(_does(name, states, API_SERVICE) for name in joins))
    for name in stale:
        if name not in joins:
            yield Step(API_SERVER, (name,), (_does(name, states, API_SERVICE),))


def _joining(hosts: Sequence[Host], states: Mapping[str, HostState], changes: PlaneChanges) -> tuple[str, ...]:
    """Return the hosts whose rest is started for the first time."""
    new = {*changes.prepare, *changes.node_joins}
    return tuple(host.name for host in hosts if host.name in new and _rest(states[host.name]))


def _hosts(
    cluster: Cluster,
    hosts: Sequence[Host],
    states: Mapping[str, HostState],
    joining: Sequence[str],
    changes: PlaneChanges,
) -> Iterator[Step]:
    """Yield the rest of each host: what joins side by side, the control plane and etcd one by one, then workers."""
    if joining:
        nodes = map(_does_node, (name for name in joining if name in changes.node_joins))
        yield Step(HOST, tuple(joining), (*(line for name in joining for line in _does_rest(name, states)), *nodes))
    changed = [host for host in hosts if _rest(states[host.name])]
    quiet = tuple(host.name for host in changed if host.name not in joining and _is_quiet(states[host.name]))
    if quiet:
        yield Step(HOST, quiet, tuple(line for name in quiet for line in _does_rest(name, states)))
    changed = [host for host in changed if host.name not in (*joining, *quiet)]
    for host in changed:
        if "worker" not in host.roles:
            yield Step(HOST, (host.name,), _does_rest(host.name, states))
    yield from _workers(cluster, [host for host in changed if "worker" in host.roles], states)


def _workers(cluster: Cluster, workers: Sequence[Host], states: Mapping[str, HostState]) -> Iterator[Step]:
    has_another = sum(1 for host in cluster.spec.hosts.members if host.is_node) > 1
    drained = [host for host in workers if has_another and _drains(host, states[host.name])]
    for host in workers:
        if host not in drained:
            yield Step(HOST, (host.name,), _does_rest(host.name, states))
    # Hooks may stop whatever runs on a host, and so two members of etcd at once.
    alone = [host.name for host in drained if set(host.roles) != {"worker"}]
    rest = [host.name for host in drained if set(host.roles) == {"worker"}]
    for names in [(name,) for name in alone] + batches(cluster, rest):
        does = tuple(line for name in names for line in (f"{name}: drain", *_does_rest(name, states)))
        yield Step(HOST, names, does, drains=True)


def _leaves(cluster: Cluster, changes: PlaneChanges) -> Iterator[Step]:
    """Yield those that serve nothing but pods, or nothing any more, in batches; all others one by one."""
    light = [name for name in changes.leave if name not in changes.heavy]
    for names in [*batches(cluster, light), *((name,) for name in changes.leave if name in changes.heavy)]:
        does = tuple(line for name in names for line in changes.leave[name])
        yield Step(LEAVE, names, does, drains=any(name in changes.drained for name in names))


def _drains(host: Host, state: HostState) -> bool:
    """Whether pods must leave a node: kubelet or runtime below them change, or hooks run, which may stop anything.

    A newer kubelet may restart every container: https://github.com/kubernetes/kubernetes/issues/129385.
    """
    return host.is_node and bool({KUBELET, "containerd", HOOKS} & set(state.stale))


def _is_quiet(state: HostState) -> bool:
    """Whether nothing starts again for what is left to change on a host: then all such hosts go side by side."""
    return set(_rest(state)) <= {"files", "certificates", "programs"}


def _rest(state: HostState) -> list[str]:
    return [name for name in state.stale if name not in {ETCD_SERVICE, API_SERVICE, PROXY}]


def _does(host: str, states: Mapping[str, HostState], part: str) -> str:
    return f"{host}: {states[host].stale[part]}"


def _does_rest(host: str, states: Mapping[str, HostState]) -> tuple[str, ...]:
    return tuple(_does(host, states, part) for part in _rest(states[host]))
