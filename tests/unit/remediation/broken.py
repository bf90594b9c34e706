"""A cluster in which something is broken, as values: what is observed of it, and what actions do to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

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
)

NAMES = ("cp-1", "cp-2", "cp-3", "w-1", "w-2", "w-3")
STATES = st.sampled_from(["exited", "hangs", "lost", "down", "drifted"])
UNITS = ("docker", "windlass-containerd", "kubelet")


@dataclass
class World:
    """What is broken, by `host/component`; what cannot be fixed, and what was done."""

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
            unknown = tuple(replace(one, state="unknown", answers="unknown") for one in empty.services)
            return replace(empty, unreachable="timed out", services=unknown, has_member_data=None)
        services = [self._service(component, state) for component, state in mine.items() if component not in UNITS]
        unhealthy = units(*(component for component in mine if component in UNITS))
        if name.startswith("w"):
            lost = ("/etc/windlass/x is another",) if "files" in mine else ()
            return replace(worker(name), units=unhealthy, is_cordoned=name in self.cordoned, lost_files=lost)
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
