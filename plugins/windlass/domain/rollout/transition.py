"""Which hosts join a running cluster, which leave it, and what of each: planes, not only whole hosts; pure.

Nothing remembers how far a change has come. What has joined and what is left of what leaves is observed, and what is
desired is the spec; what is remembered is only which hosts may have anything of the cluster (`known`): those of the
stored spec, those of a rollout that has not ended, and those that left and could not be cleaned yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from windlass.domain.spec.members import with_hosts
from windlass.domain.spec.models import Cluster, Host, Role

Plane = Literal["etcd", "control-plane", "node"]
ETCD_PLANE: Plane = "etcd"
CONTROL_PLANE: Plane = "control-plane"
NODE: Plane = "node"
REMOVES_MEMBER = "remove its member from etcd"
"""What a step says of a host whose member it takes out of etcd."""


STOPS_SERVER = "stop its API server, which no proxy leads to any more"
"""What a step says of a host whose API server it stops for good."""


def planes_of(host: Host | None) -> frozenset[Plane]:
    """Return what a host does for the cluster; nothing where there is no host."""
    if host is None:
        return frozenset()
    planes: set[Plane] = {plane for plane in (ETCD_PLANE, CONTROL_PLANE) if plane in host.roles}
    return frozenset(planes | ({NODE} if host.is_node else set()))


def merged_hosts(*groups: Iterable[Host]) -> tuple[Host, ...]:
    """Return all hosts by name: as the first group that has one knows it, with its roles in any of them."""
    found: dict[str, Host] = {}
    for host in (one for group in groups for one in group):
        found[host.name] = _with_roles(found[host.name], host.roles) if host.name in found else host
    return tuple(found.values())


def _with_roles(host: Host, roles: Iterable[Role]) -> Host:
    added = [role for role in roles if role not in host.roles]
    return host.model_copy(update={"roles": (*host.roles, *added)}) if added else host


@dataclass(frozen=True)
class Transition:
    """A change of which hosts a cluster has and what each is for."""

    after: Cluster
    known: tuple[Host, ...]
    """Every host that may have anything of the cluster, with all that it may do."""
    gone: frozenset[str] = frozenset()
    """Names of hosts that are gone for good, as somebody said: nothing waits for them."""
    recorded: frozenset[str] = frozenset()
    """Those of `gone` of which somebody said so before this run: they are asked, and cleaned if they are back."""
    left: frozenset[str] = frozenset()
    """Hosts that left before this run, and are not known to be clean."""
    before: Cluster | None = None
    """What the cluster was when the change began."""

    @property
    def barred(self) -> frozenset[str]:
        """Return the hosts whose nodes must not register again."""
        return (self.gone | self.left) - {host.name for host in self.after.spec.hosts.members}

    @property
    def during(self) -> Cluster:
        """Return the desired spec with the hosts and roles that have not left yet: what is connected to and trusted."""
        return with_hosts(self.after, merged_hosts(self.after.spec.hosts.members, self.known))

    @property
    def leaving(self) -> tuple[Host, ...]:
        """Return the hosts that leave as a whole, as they are known."""
        kept = {host.name for host in self.after.spec.hosts.members}
        return tuple(host for host in self.known if host.name not in kept)

    @property
    def shrinking(self) -> tuple[Host, ...]:
        """Return the hosts that stay and give up a plane, as they are known."""
        desired = {host.name: host for host in self.after.spec.hosts.members}
        return tuple(host for host in self.known if host.name in desired and planes_of(host) - self.planes(host.name))

    @property
    def asked(self) -> tuple[Host, ...]:
        """Return the hosts that leave, or give up a plane, and are asked what they still have.

        One that this run calls gone is not asked. Nor is one whose address another host of the spec has by now: what
        answers there is that other one.
        """
        taken = {host.address: host.name for host in self.after.spec.hosts.members}
        unasked = self.gone - self.recorded
        return tuple(
            host
            for host in (*self.leaving, *self.shrinking)
            if host.name not in unasked and taken.get(host.address, host.name) == host.name
        )

    def planes(self, name: str) -> frozenset[Plane]:
        """Return what a host is to do."""
        return planes_of(next((host for host in self.after.spec.hosts.members if host.name == name), None))

    def lost(self, name: str) -> frozenset[Plane]:
        """Return what a host is to do no more."""
        return planes_of(next((host for host in self.known if host.name == name), None)) - self.planes(name)

    def gained(self, name: str) -> frozenset[Plane]:
        """Return what a host is to do that it was not known to do."""
        return self.planes(name) - planes_of(next((host for host in self.known if host.name == name), None))

    @property
    def is_first_growth(self) -> bool:
        """Say whether etcd had one member, which no API server can do without until it knows of the others."""
        return bool(self.before and len(self.before.hosts_with("etcd")) == 1 and len(self.after.hosts_with("etcd")) > 1)

    @property
    def is_still(self) -> bool:
        """Say whether every host stays what it is."""
        names = {host.name for host in self.after.spec.hosts.members}
        return not self.leaving and not self.shrinking and not any(self.gained(name) for name in names)


@dataclass(frozen=True)
class Presence:
    """What of the planes is there, as it was observed."""

    prepared: frozenset[str] = frozenset()
    """Hosts that carry the cluster's mark."""
    members: frozenset[str] = frozenset()
    """Hosts that etcd lists as members, learners and such as never started among them."""
    voters: frozenset[str] = frozenset()
    """Hosts whose member has its vote."""
    api_servers: frozenset[str] = frozenset()
    """Hosts on which an API server runs."""
    nodes: frozenset[str] = frozenset()
    """Nodes that the API knows."""
    is_etcd_known: bool = True
    """Whether etcd said who its members are."""
    is_api_known: bool = True
    """Whether the API said which nodes there are."""
    rest: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is left on hosts that leave or give up a plane, in words, by host; one that could not be asked is absent."""
    unreachable: frozenset[str] = frozenset()
    """Hosts that did not answer."""

    def lacks(self, host: Host, known: frozenset[str]) -> bool:
        """Say whether a host is not among those `known`, or only its name is: its machine is new."""
        return host.name not in known or host.name not in self.prepared

    @property
    def unfinished(self) -> frozenset[str]:
        """Return the hosts of members that a change left halfway: until they vote or are gone, no other can change."""
        return self.members - self.voters


@dataclass(frozen=True)
class PlaneChanges:
    """What of a transition is still to be done."""

    prepare: tuple[str, ...] = ()
    """Hosts to be prepared for what they are to do: those that are new or were reinstalled among them."""
    etcd_joins: tuple[str, ...] = ()
    unfinished: frozenset[str] = frozenset()
    """Those of them that an earlier try has made members already, and which do not vote yet: they come first."""
    is_etcd_last: bool = False
    """Whether API servers learn of etcd's members before those that are there change."""
    api_joins: tuple[str, ...] = ()
    node_joins: tuple[str, ...] = ()
    forget: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is done without asking hosts, in words: about such as are gone for good, and about learners of hosts that
    leave or do not answer, since etcd's members change one at a time."""
    leave: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is done about planes and hosts that leave, in words, in the order in which the hosts are dealt with."""
    heavy: frozenset[str] = frozenset()
    """Hosts that leave etcd or the control plane, and are dealt with one by one."""
    has_leaving_api: bool = False
    """Whether proxies may know of an API server that is none of the spec's."""
    staying_api: frozenset[str] | None = None
    """API servers of the spec that run, or are started now; None where that was not asked."""
    drained: frozenset[str] = frozenset()
    """Hosts that leave and are nodes still."""

    @property
    def has_staying_api(self) -> bool:
        """Say whether proxies may be told of the spec's API servers alone."""
        return self.staying_api is None or bool(self.staying_api)

    @property
    def is_empty(self) -> bool:
        """Say whether nothing joins or leaves (any more)."""
        return not (self.prepare or self.etcd_joins or self.forget or self.leave)


def plane_changes(transition: Transition, there: Presence, uncertified: frozenset[str] = frozenset()) -> PlaneChanges:
    """Return what is left to do of `transition`; `uncertified` are hosts whose certificates are not as desired.

    Hosts that do not answer are left out, but for those that are gone for good. A host without the cluster's mark has
    nothing of it, whatever etcd and the API know of the machine that had its name before.
    """
    hosts = [host for host in transition.after.spec.hosts.members if host.name not in there.unreachable]
    joins = _Joins(
        # A member that a machine before has left can be removed once no other one is missing.
        tuple(
            sorted(
                (
                    one.name
                    for one in hosts
                    if "etcd" in one.roles and there.is_etcd_known and there.lacks(one, there.voters)
                ),
                key=lambda name: name in there.members,
            )
        ),
        tuple(one.name for one in hosts if "control-plane" in one.roles and there.lacks(one, there.api_servers)),
        tuple(one.name for one in hosts if one.is_node and there.is_api_known and there.lacks(one, there.nodes)),
    )
    leave, forget = dict(_leaves(transition, there)), dict(_forgotten(transition, there))
    servers = {host.name for host in hosts if CONTROL_PLANE in planes_of(host)} & {*there.api_servers, *joins.api}
    return PlaneChanges(
        prepare=tuple(
            host.name
            for host in hosts
            if host.name not in there.prepared or (host.name in uncertified and joins.concern(host.name))
        ),
        etcd_joins=joins.etcd,
        unfinished=there.unfinished & set(joins.etcd),
        is_etcd_last=transition.is_first_growth,
        api_joins=joins.api,
        node_joins=joins.nodes,
        forget=forget,
        leave=leave,
        heavy=frozenset(name for name in leave if {ETCD_PLANE, CONTROL_PLANE} & transition.lost(name)),
        has_leaving_api=any(CONTROL_PLANE in transition.lost(host.name) for host in transition.known),
        staying_api=frozenset(servers),
        drained=frozenset(name for name in leave if NODE in transition.lost(name) and name in there.nodes),
    )


@dataclass(frozen=True)
class _Joins:
    etcd: tuple[str, ...]
    api: tuple[str, ...]
    nodes: tuple[str, ...]

    def concern(self, name: str) -> bool:
        return name in self.etcd or name in self.api or name in self.nodes


def _forgotten(transition: Transition, there: Presence) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield learners that nobody promotes first: while there is one, etcd's other members are not changed."""
    for host in sorted(transition.during.hosts_with("etcd"), key=lambda one: one.name):
        is_left = host.name in there.unreachable or ETCD_PLANE in transition.lost(host.name)
        if host.name in there.unfinished and is_left and host.name not in transition.gone:
            yield host.name, (f"{host.name}: {REMOVES_MEMBER}",)
    for host in sorted(transition.leaving, key=lambda one: one.name not in there.unfinished):
        if host.name in transition.gone and not there.rest.get(host.name):
            does = [f"{host.name}: {REMOVES_MEMBER}"] if host.name in there.members else []
            does += [f"{host.name}: delete its node"] if host.name in there.nodes else []
            if does:
                yield host.name, tuple(does)


def _leaves(transition: Transition, there: Presence) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what is to be done host by host: workers first, then API servers, and etcd alone, which these ask, last."""
    leaving = [
        host
        for host in (*transition.leaving, *transition.shrinking)
        if host.name not in transition.gone or there.rest.get(host.name)  # it is back
    ]
    for host in sorted(leaving, key=_place_in_leaving):
        if host.name in there.unreachable:
            continue
        does = tuple(_leave(transition, there, host))
        if does:
            yield host.name, does


def _place_in_leaving(host: Host) -> tuple[bool, bool, bool]:
    planes = planes_of(host)
    return bool(planes - {NODE}), ETCD_PLANE in planes, CONTROL_PLANE not in planes


def _leave(transition: Transition, there: Presence, host: Host) -> Iterator[str]:
    lost, name = transition.lost(host.name), host.name
    if NODE in lost and name in there.nodes:
        yield f"{name}: drain and delete its node"
    if CONTROL_PLANE in lost and name in there.api_servers:
        yield f"{name}: {STOPS_SERVER}"
    if ETCD_PLANE in lost and name in there.voters:
        yield f"{name}: {REMOVES_MEMBER}"
    yield from (f"{name}: remove {what}" for what in there.rest.get(name, ()))
