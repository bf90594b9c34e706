"""A cluster that changes, as plain values: what a rollout observes of it, and what each of its steps does to it.

Each step is a row of acts, and between any two of them a run may be killed. After each act the world says what harm
was done: etcd without quorum, or a node whose proxy leads to no API server that serves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from unit.rollout.test_gate import GOOD, NOW
from unit.rollout.test_rollout_plan import NEW, cluster
from windlass.domain.catalog import Release
from windlass.domain.etcd.quorum import (
    Addition,
    Member,
    Membership,
    Promotion,
    Removal,
    Stop,
    check,
    check_planned_outage,
)
from windlass.domain.etcd.replacement import Start, plan_replacement
from windlass.domain.rollout import Step, plan_rollout
from windlass.domain.rollout.gate_rules import GateInputs, judge_gate
from windlass.domain.rollout.stale import new_host_state
from windlass.domain.rollout.step import API_SERVICE, ETCD_SERVICE, HostState
from windlass.domain.rollout.transition import (
    CONTROL_PLANE,
    ETCD_PLANE,
    NODE,
    PlaneChanges,
    Presence,
    Transition,
    plane_changes,
    planes_of,
)
from windlass.domain.rollout.version_skew import RunningVersions
from windlass.domain.rollout.workload_rules import Workloads
from windlass.domain.spec.models import Cluster, Host
from windlass.errors import RefusedError

Roles = Mapping[str, list[str]]
RELEASE = Release(NEW, files={}, images={"etcd": "v3.7.3"}, upgrades_from=("1.37",))
ONE_BY_ONE = 3
_ALL = {f"h-{number}": ["worker"] for number in range(1, 8)}


class HarmError(AssertionError):
    """Something that no rollout may do."""


@dataclass
class Machine:
    """One host as it is."""

    is_prepared: bool = False
    certified: frozenset[str] = frozenset()
    """The planes that it has certificates for."""
    has_etcd: bool = False
    """Whether it has an etcd stack or data."""
    api: frozenset[str] | None = None
    """The etcd hosts that its API server knows; None if none runs."""
    has_api_stack: bool = False
    proxy_file: frozenset[str] | None = None
    proxy: frozenset[str] | None = None
    """The API servers that its proxy leads to; None if none runs."""
    has_kubelet: bool = False
    stale: set[str] = field(default_factory=set)
    """Parts that a changed flag or file concerns."""


@dataclass(repr=False)
class ChangeWorld:
    """A cluster on its way from one spec to another."""

    before: Cluster
    after: Cluster
    gone: frozenset[str] = frozenset()
    down: set[str] = field(default_factory=set)
    """Hosts that do not run at the moment; those that are gone never will."""
    known: tuple[Host, ...] = ()
    machines: dict[str, Machine] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    ids: int = 0
    stranded: set[str] = field(default_factory=set)
    """Hosts that are back, and whose proxies may have been left out."""
    is_steady: bool = True
    """Whether nobody has changed the spec meanwhile, and no host was away."""

    @classmethod
    def made(
        cls, before: Roles, after: Roles, *, gone: Collection[str] = (), stale: Collection[tuple[str, str]] = ()
    ) -> ChangeWorld:
        """Return the world in which all of `before` runs."""
        made = cls(cluster(before), cluster(before), frozenset(gone), known=tuple(cluster(before).spec.hosts.members))
        made.turn_to(after)
        made.is_steady = True
        for host in made.before.spec.hosts.members:
            made._run(host)
        for name, part in stale:
            made.machines[name].stale.add(part)
        return made

    def _run(self, host: Host) -> None:
        servers, members = _names(self.before, "control-plane"), _names(self.before, "etcd")
        is_api = "control-plane" in host.roles
        self.machines[host.name] = Machine(
            is_prepared=True,
            certified=frozenset(planes_of(host)),
            has_etcd="etcd" in host.roles,
            api=members if is_api else None,
            has_api_stack=is_api,
            proxy_file=servers,
            proxy=servers,
            has_kubelet=host.is_node,
        )
        if "etcd" in host.roles:
            self.ids += 1
            self.members[host.name] = Member(host.name, self.ids, "voter", started=True, health="healthy")
        if host.is_node:
            self.nodes.add(host.name)

    def lose(self, names: Collection[str]) -> None:
        """Have hosts stop."""
        self.down, self.is_steady = set(names), False

    def bring_back(self) -> None:
        """Have all hosts run again."""
        self.stranded, self.down = self.down, set()

    def turn_to(self, after: Roles) -> None:
        """Want another spec from now on; whoever has joined for the last one may have something of the cluster."""
        self.known = tuple(self.transition.during.spec.hosts.members)
        hosts = {host.name: host for host in cluster({**_ALL, **after}).spec.hosts.members}
        desired = [hosts[name].model_copy(update={"roles": list(roles)}) for name, roles in after.items()]
        self.after, self.is_steady = _with_hosts(self.after, desired), False

    @property
    def transition(self) -> Transition:
        return Transition(self.after, self.known, self.gone, before=self.before)

    @property
    def away(self) -> set[str]:
        return self.down | self.gone

    def machine(self, name: str) -> Machine:
        return self.machines.setdefault(name, Machine())

    # What is observed.

    def membership(self, desired: Collection[str]) -> Membership:
        members = (
            replace(one, health="unknown") if one.name in self.away and one.started else one
            for one in self.members.values()
        )
        return Membership(tuple(members), frozenset(desired))

    def serving(self) -> set[str]:
        """Return the hosts whose API server serves."""
        if not self._has_quorum():
            return set()
        voters = {one.name for one in self.members.values() if one.role == "voter" and self._runs(one)}
        there = {name: one.api for name, one in self.machines.items() if name not in self.away and one.api is not None}
        return {name for name, etcd in there.items() if etcd & voters}

    def _runs(self, member: Member) -> bool:
        return member.is_serving and member.name not in self.away

    def _has_quorum(self) -> bool:
        voters = [one for one in self.members.values() if one.role == "voter"]
        return sum(self._runs(one) for one in voters) > len(voters) / 2

    def changes(self) -> PlaneChanges:
        transition = self.transition
        leaving = (*transition.leaving, *transition.shrinking)
        asked = {host.name for host in (*self.after.spec.hosts.members, *leaving)} - self.gone
        rest = {host.name: self._rest(host) for host in leaving if host.name not in self.away}
        looked = {name: self.machine(name) for name in _names(self.after) - self.away}
        runs = {name for name, one in looked.items() if one.api is not None}
        there = Presence(
            prepared=frozenset(name for name, one in looked.items() if one.is_prepared),
            members=frozenset(self.members),
            voters=frozenset(name for name, one in self.members.items() if one.role == "voter" and one.started),
            api_servers=frozenset(runs | ({name for name, left in rest.items() if left} - set(looked))),
            nodes=frozenset(self.nodes),
            rest=rest,
            unreachable=frozenset(asked & self.away),
        )
        uncertified = frozenset(name for name in looked if self._lacks_certificates(name))
        return plane_changes(transition, there, uncertified)

    def _rest(self, host: Host) -> tuple[str, ...]:
        machine, lost = self.machine(host.name), self.transition.lost(host.name)
        is_whole = host.name not in _names(self.after)
        if is_whole:
            return ("the cluster from the host",) if machine != Machine() else ()
        left = [(ETCD_PLANE, machine.has_etcd), (CONTROL_PLANE, machine.has_api_stack), (NODE, machine.has_kubelet)]
        return tuple(f"its {plane}" for plane, is_there in left if plane in lost and is_there)

    def _lacks_certificates(self, name: str) -> bool:
        machine = self.machine(name)
        return machine.is_prepared and not self.transition.planes(name) <= machine.certified

    def states(self) -> dict[str, HostState]:
        hosts = [host for host in self.after.spec.hosts.members if host.name not in self.away]
        return {
            host.name: HostState(dict(self._stale(host)))
            if self.machine(host.name).is_prepared
            else new_host_state(host)
            for host in hosts
        }

    def _stale(self, host: Host) -> Iterator[tuple[str, str]]:
        machine = self.machine(host.name)
        if "etcd" in host.roles and (not machine.has_etcd or "etcd" in machine.stale):
            yield ETCD_SERVICE, "etcd restarted"
        if "control-plane" in host.roles and (machine.api != _names(self.after, "etcd") or "api" in machine.stale):
            yield API_SERVICE, "kube-apiserver restarted"
        if host.is_node and not machine.has_kubelet:
            yield "kubelet", "kubelet started"
        if machine.proxy is None:
            yield "api-proxy/api-proxy", "api-proxy started"
        elif machine.proxy != _names(self.after, "control-plane"):
            yield "proxy", "api-proxy reloaded"
        if "rest" in machine.stale:
            yield "files", "files: /etc/x"
        if self._lacks_certificates(host.name):
            yield "certificates", "certificates: 2 files"

    def plan(self) -> tuple[Step, ...]:
        leader = next((one.name for one in self.members.values() if one.role == "voter" and self._runs(one)), None)
        return plan_rollout(self.after, self.states(), leader=leader, add_ons=(), changes=self.changes())

    def gate(self, steps: tuple[Step, ...]) -> None:
        """RefusedError where the gate is closed."""
        changes, transition = self.changes(), self.transition
        joins = _names(self.after, "etcd") - {one.name for one in self.members.values() if one.role == "voter"}
        members = tuple(
            one
            for one in self.membership(()).members
            if one.name not in self.gone and one.name not in changes.forget and one.name not in joins
        )
        leaving = {host.name for host in transition.leaving}
        nodes = [_node(name, is_ready=name not in self.away) for name in sorted(self.nodes)]
        unreachable = {name: f"{name}: no answer" for name in self.away - self.gone if name in self._asked()}
        inputs: GateInputs = replace(
            GOOD,
            running=RunningVersions(api_servers=dict.fromkeys(self.serving(), NEW)),
            states=self.states(),
            unreachable=unreachable,
            membership=Membership(members, frozenset(one.name for one in members)),
            workloads=Workloads(nodes=nodes),
            absent_nodes=frozenset({*changes.node_joins, *unreachable, *leaving}),
            needed_kib={},
        )
        judge_gate(self.after, RELEASE, inputs, steps, NOW).refuse("the change")

    def _asked(self) -> set[str]:
        transition = self.transition
        return {host.name for host in (*self.after.spec.hosts.members, *transition.leaving, *transition.shrinking)}

    # What steps do.

    def acts(self, step: Step) -> Iterator[None]:
        """Do a step, act by act."""
        does: dict[str, Callable[[str], Iterator[None]]] = {
            "prepare": self._prepare,
            "forget": self._forget,
            "etcd-join": self._etcd_join,
            "etcd": self._etcd,
            "widen-proxies": lambda name: self._proxy(name, _names(self.transition.during, "control-plane")),
            "api-server": self._api_server,
            "host": self._host,
            "narrow-proxies": lambda name: self._proxy(name, _names(self.after, "control-plane")),
            "leave": self._leave,
        }
        for name in step.hosts:
            if name in self.away and step.kind not in {"forget", "widen-proxies", "narrow-proxies"}:
                raise RefusedError(f"{name}: no answer")
            yield from does[step.kind](name)

    def _prepare(self, name: str) -> Iterator[None]:
        machine = self.machine(name)
        machine.is_prepared = True
        if machine.proxy_file is None:
            machine.proxy_file = _names(self.transition.during, "control-plane")
        yield
        machine.certified |= self.transition.planes(name)
        yield

    def _forget(self, name: str) -> Iterator[None]:
        yield from self._remove_member(name, is_given_up=True)
        if name in self.gone:
            self.nodes.discard(name)
            yield

    def _remove_member(self, name: str, *, is_given_up: bool = False) -> Iterator[None]:
        if name not in self.members:
            return
        membership = self.membership(_names(self.after, "etcd"))
        member = next(one for one in membership.members if one.name == name)
        if is_given_up and member.health != "healthy":
            dead = replace(member, health="unhealthy")
            members = tuple(dead if one.id == dead.id else one for one in membership.members)
            member, membership = dead, replace(membership, members=members)
        check(Removal(member), membership)
        del self.members[name]
        yield

    def _etcd_join(self, name: str) -> Iterator[None]:
        desired = _names(self.transition.during, "etcd")
        for _ in range(12):
            membership = self.membership(desired)
            steps = plan_replacement(name, membership)
            if not steps:
                return
            step = steps[0].step
            if not isinstance(step, Start):
                check(step, membership)
            yield from self._change_member(name, step)

    def _change_member(self, name: str, step: object) -> Iterator[None]:
        match step:
            case Removal(member):
                del self.members[member.name]
                yield
            case Addition():
                self.ids += 1
                self.members[name] = Member(name, self.ids, "learner", started=False, health="unhealthy")
                yield
                self.machine(name).has_etcd = True
                self.machine(name).stale.discard("etcd")
                self.members[name] = replace(self.members[name], started=True, health="healthy")
                yield
            case Promotion(member):
                self.members[member.name] = replace(self.members[member.name], role="voter")
                yield

    def _etcd(self, name: str) -> Iterator[None]:
        membership = self.membership(_names(self.transition.during, "etcd"))
        member = next((one for one in membership.members if one.name == name), None)
        if member is None:
            raise HarmError(f"{name} is no member, and its etcd would be started")
        if len(membership.voters) < ONE_BY_ONE:
            check_planned_outage(member, membership)
        else:
            check(Stop(member), membership)
            self.members[name] = replace(self.members[name], health="unhealthy")
            if self.is_steady:  # API servers of a change that was given up may know one member only
                self.check()
        # Whatever becomes of the run, what was begun on the host goes on.
        self.members[name] = replace(self.members[name], health="healthy")
        self.machine(name).stale.discard("etcd")
        yield

    def _proxy(self, name: str, servers: frozenset[str]) -> Iterator[None]:
        machine = self.machine(name)
        if name in self.away:
            return
        self.stranded.discard(name)
        machine.proxy_file = servers
        if machine.proxy is not None:
            machine.proxy = servers
        yield

    def _sees(self, server: str) -> bool:
        """Whether all proxies of the spec's hosts that can be asked send requests to a server."""
        asked = [self.machine(name).proxy for name in _names(self.after) - self.away]
        return server in self.serving() and all(server in proxy for proxy in asked if proxy is not None)

    def _api_server(self, name: str) -> Iterator[None]:
        machine, others = self.machine(name), _names(self.after, "control-plane") - {name}
        if machine.api is not None:
            if others and not any(self._sees(other) for other in others):
                raise RefusedError(f"{name}: no other API server is up for all proxies")
            if others:  # else it is away for as long as it takes, as the plan says
                machine.api = None
                yield
        machine.api, machine.has_api_stack = _names(self.after, "etcd"), True
        machine.stale.discard("api")
        if name not in self.serving():
            raise RefusedError(f"{name}: its API server reaches no etcd")
        yield
        if not self._sees(name):
            raise RefusedError(f"{name}: its API server is not up for all proxies")

    def _host(self, name: str) -> Iterator[None]:
        machine, host = self.machine(name), _host(self.after, name)
        if "etcd" in host.roles and not machine.has_etcd:
            raise HarmError(f"{name}: its etcd would be started, and it is no member")
        if machine.proxy_file is None:
            machine.proxy_file = _names(self.transition.during, "control-plane")
        machine.certified |= self.transition.planes(name)
        machine.stale.discard("rest")
        yield
        machine.proxy = machine.proxy if machine.proxy is not None else machine.proxy_file
        yield
        if host.is_node:
            machine.has_kubelet = True
            if not self.serving() & (machine.proxy or frozenset()):
                raise RefusedError(f"{name}: its kubelet reaches no API server")
            self.nodes.add(name)
            yield

    def _leave(self, name: str) -> Iterator[None]:
        machine, lost = self.machine(name), self.transition.lost(name)
        if CONTROL_PLANE in lost and machine.has_api_stack:
            others = _names(self.after, "control-plane") - {name}
            if not any(self._sees(other) for other in others):
                raise RefusedError(f"{name}: no other API server is up for all proxies")
            if NODE in lost:
                machine.has_kubelet = False  # its pods have left, and nothing of it needs the API any more
            machine.api, machine.has_api_stack = None, False
            yield
        if ETCD_PLANE in lost:
            yield from self._remove_member(name)
            machine.has_etcd = False
            yield
        if NODE in lost:
            machine.has_kubelet = False
        if name not in _names(self.after):
            self.machines[name] = Machine()
            yield
        machine.certified &= self.transition.planes(name)
        self.nodes -= {name} if NODE in lost else set()
        yield

    # What may never be.

    def check(self) -> None:
        """HarmError if the API is away, or a node is led to no API server that serves."""
        if not self._has_quorum():
            raise HarmError("etcd has no quorum")
        serving = self.serving()
        if not serving:
            raise HarmError("no API server serves")
        ways = {
            name: one.proxy
            for name, one in self.machines.items()
            if name not in self.away | self.stranded and one.has_kubelet and one.proxy is not None
        }
        for name, proxy in ways.items():
            if not proxy & serving:
                raise HarmError(f"the proxy of {name} leads to {sorted(proxy)}, of which none serves")
        if self.is_steady and not serving.intersection(
            *(proxy for name, proxy in ways.items() if name in _names(self.after))
        ):
            raise HarmError(f"no API server that serves is known to all proxies: {ways}")

    def is_as_desired(self) -> bool:
        """Say whether all that is desired is there, and nothing else."""
        return (
            {name for name, one in self.members.items() if one.role == "voter"} == _names(self.after, "etcd")
            and {name for name, one in self.machines.items() if one.api is not None} - self.gone
            == _names(self.after, "control-plane")
            and self.nodes == {host.name for host in self.after.spec.hosts.members if host.is_node}
            and all(
                machine == Machine()
                for name, machine in self.machines.items()
                if name not in _names(self.after) | self.gone
            )
        )


def _names(spec: Cluster, role: str = "") -> frozenset[str]:
    return frozenset(host.name for host in spec.spec.hosts.members if not role or role in host.roles)


def _host(spec: Cluster, name: str) -> Host:
    return next(host for host in spec.spec.hosts.members if host.name == name)


def _with_hosts(spec: Cluster, members: list[Host]) -> Cluster:
    hosts = spec.spec.hosts.model_copy(update={"members": members})
    return spec.model_copy(update={"spec": spec.spec.model_copy(update={"hosts": hosts})})


def _node(name: str, *, is_ready: bool) -> dict[str, object]:
    conditions = [{"type": "Ready", "status": "True" if is_ready else "Unknown", "message": "kubelet is silent"}]
    return {"metadata": {"name": name}, "spec": {}, "status": {"conditions": conditions}}
