"""Whatever breaks, in whatever order: remediation ends, touches nothing healthy, and never costs etcd its quorum."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from unit.remediation.clusters import CONTROL_PLANE, NOW, cluster, control_plane, service, units, worker
from windlass.domain.etcd.quorum import Member, Membership
from windlass.domain.remediation import (
    Action,
    ClusterHealth,
    HealthReport,
    History,
    HostHealth,
    RemediationPlan,
    plan_actions,
)
from windlass.domain.spec.models import Repair as Settings

NAMES = ("cp-1", "cp-2", "cp-3", "w-1", "w-2", "w-3")
STATES = st.sampled_from(["exited", "hangs", "lost", "down", "drifted"])
UNITS = ("docker", "windlass-containerd", "kubelet")


@dataclass
class World:
    """What is broken, by `host/component`; what can be repaired, and what was done."""

    broken: dict[str, str]
    hopeless: frozenset[str]
    history: History = field(default_factory=History)
    seconds: float = 0
    done: list[Action] = field(default_factory=list)
    cordoned: set[str] = field(default_factory=set)

    def observed(self) -> ClusterHealth:
        hosts = tuple(self._host(name) for name in NAMES)
        reports = [HealthReport(*key.split("/"), 3) for key in self.broken]
        made = cluster(*hosts, reports=reports)
        at = NOW + timedelta(seconds=self.seconds)
        return replace(made, at=at, membership=self._membership(hosts))

    def _host(self, name: str) -> HostHealth:
        mine = {key.partition("/")[2]: state for key, state in self.broken.items() if key.startswith(f"{name}/")}
        if "down" in mine.values():
            empty = worker(name) if name.startswith("w") else control_plane(name)
            unseen = tuple(replace(one, state="unknown", answers="unknown") for one in empty.services)
            return replace(empty, unreachable="timed out", services=unseen, has_member_data=None)
        services = [self._service(component, state) for component, state in mine.items() if component not in UNITS]
        unhealthy = units(*(component for component in mine if component in UNITS))
        if name.startswith("w"):
            return replace(worker(name), units=unhealthy, is_cordoned=name in self.cordoned)
        return control_plane(name, *services, units=unhealthy, has_member_data=mine.get("etcd") != "lost")

    def _service(self, component: str, state: str) -> object:
        match state:
            case "drifted":
                return service(component, drift=("its digest is another",))
            case "hangs":
                return service(component, answers="unhealthy")
            case _:
                return service(component, "exited")

    def _membership(self, hosts: tuple[HostHealth, ...]) -> Membership | None:
        members = []
        for number, host in enumerate(hosts[:3], start=1):
            state = self.broken.get(f"{host.name}/etcd", "ok")
            health = "unknown" if host.unreachable else "healthy" if state in {"ok", "drifted"} else "unhealthy"
            members.append(Member(host.name, number, "voter", started=True, health=health))  # type: ignore[arg-type]
        found = Membership(tuple(members), frozenset(NAMES[:3]))
        return found if found.serving else None

    def act(self, planned: RemediationPlan) -> None:
        for action in planned.actions:
            self.history = self.history.tried(action.key, NOW + timedelta(seconds=self.seconds))
            self.done.append(action)
            if action.kind == "cordon":
                self.cordoned.add(action.host)
            if action.key not in self.hopeless and action.key in self.broken:
                del self.broken[action.key]
                at = NOW + timedelta(seconds=self.seconds)
                self.history = self.history.ended(action.key, at, is_back=True)
        self.history = self.history.alerted({need.key: need.why for need in planned.needs_operator})
        self.seconds += 8


@st.composite
def worlds(draw: st.DrawFn) -> World:
    broken: dict[str, str] = {}
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4)):
        components = st.sampled_from(UNITS if name.startswith("w") else CONTROL_PLANE + UNITS)
        for component in draw(st.lists(components, unique=True, min_size=1, max_size=3)):
            broken[f"{name}/{component}"] = draw(STATES)
    hopeless = draw(st.sets(st.sampled_from(sorted(broken)), max_size=2)) if broken else set()
    return World(broken, frozenset(hopeless))


def check(world: World, observed: ClusterHealth, planned: RemediationPlan) -> None:
    for action in planned.actions:
        is_cordon = action.kind == "cordon"
        assert is_cordon or action.key in world.broken, f"{action} touches what is healthy"
        assert observed.host(action.host).is_reachable
    ours = [one for one in planned.actions if not one.host.startswith("w")]
    assert len(ours) <= 1
    for action in ours:
        if action.kind == "replace-member":
            assert observed.membership is not None
            assert observed.membership.has_quorum
    unhealthy = {key.partition("/")[0] for key in world.broken if key.startswith("w")}
    if len(unhealthy) > 1:
        assert [one for one in planned.actions if one.host.startswith("w") and one.kind != "cordon"] == []


@settings(max_examples=120, deadline=None)
@given(worlds())
def test_remediation_ends_and_keeps_its_rules_all_the_way(world: World) -> None:
    rules, rounds = Settings(), 0
    while True:
        observed = world.observed()
        planned = plan_actions(rules, observed, world.history)
        check(world, observed, planned)
        if not planned.actions and planned.next_time is None:
            break
        world.act(planned)
        rounds += 1
        assert rounds < 400, f"the run does not come to an end: {planned}"
        if not planned.actions and planned.next_time is not None:
            world.seconds = max(world.seconds, (planned.next_time - NOW).total_seconds())
    for key in {one.key for one in world.done}:
        assert sum(one.key == key for one in world.done) <= rules.tries


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_what_can_be_acted_on_within_the_rules_is(world: World) -> None:
    world.hopeless = frozenset()
    members = [world.broken.get(f"{name}/etcd") for name in NAMES[:3]]
    is_down = {key.partition("/")[0] for key, state in world.broken.items() if state == "down"}
    ill_workers = {key.partition("/")[0] for key in world.broken if key.startswith("w")}
    for _ in range(100):
        planned = plan_actions(Settings(), world.observed(), world.history)
        if not planned.actions and planned.next_time is None:
            break
        world.act(planned)
        if planned.next_time is not None:
            world.seconds = max(world.seconds, (planned.next_time - NOW).total_seconds())
    left = set(world.broken)
    is_hopeless = is_down or members.count("lost") > 1 or len(ill_workers) > 1
    assert is_hopeless or left == set(), f"left: {left}; {planned}"
