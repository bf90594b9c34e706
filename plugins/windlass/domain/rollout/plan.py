"""In which order a change rolls over the hosts: a pure function of what is wanted and what is seen.

Nothing remembers how far a rollout has come. Whatever runs already as it should is no part of the plan, so the plan
of a rollout that broke off is what is left of it.

The order: everything is fetched first, on all hosts. Then etcd, member by member, the leader last. Then API servers,
one by one. Then what is left on each host: control-plane hosts one by one, workers in batches. Add-ons are last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from windlass.domain.rollout.hooks import HOOKS
from windlass.domain.spec.models import Cluster, Host
from windlass.errors import SpecError

StepKind = Literal["prefetch", "etcd", "api-server", "host", "add-ons"]
PREFETCH: StepKind = "prefetch"
ETCD: StepKind = "etcd"
API_SERVER: StepKind = "api-server"
HOST: StepKind = "host"
ADD_ONS: StepKind = "add-ons"

ETCD_SERVICE = "etcd/etcd"
API_SERVICE = "control-plane/kube-apiserver"
KUBELET = "kubelet"
PROXY = "proxy"
"""The API proxy, where only the list of API servers behind it changes."""


@dataclass(frozen=True)
class HostState:
    """How one host differs from what is wanted of it."""

    stale: Mapping[str, str] = field(default_factory=dict)
    """What must change, and how, in words: by `STACK/SERVICE` for containers, else `kubelet`, `containerd`,
    `files`, `settings`, `proxy` for the list of API servers behind it, `certificates`, `programs`, `hooks` that have
    not run there, or `cordon` for a node that an earlier rollout left cordoned."""
    missing: tuple[str, ...] = ()
    """Artifacts and images that must be fetched first."""


@dataclass(frozen=True)
class Step:
    """One thing that a rollout does, on hosts that it does it on side by side."""

    kind: StepKind
    hosts: tuple[str, ...]
    does: tuple[str, ...]
    """What is changed, a line each: `cp-1: kube-apiserver v1.36.3 -> v1.37.2`."""
    drains: bool = False
    """Whether the nodes are drained for it."""

    @property
    def label(self) -> str:
        """Return the step's name, as pages and messages show it."""
        return {
            "prefetch": "fetch everything",
            "etcd": "etcd",
            "api-server": "API server",
            "host": "host",
            "add-ons": "add-ons",
        }[self.kind] + (f" {', '.join(self.hosts)}" if self.kind in {"etcd", "api-server", "host"} else "")

    def value(self) -> dict[str, Any]:
        """Return the step as plain values, for XCom."""
        return {**asdict(self), "hosts": list(self.hosts), "does": list(self.does), "label": self.label}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Step:
        """Read what `value` wrote."""
        return cls(value["kind"], tuple(value["hosts"]), tuple(value["does"]), drains=value["drains"])


def plan_rollout(
    cluster: Cluster, states: Mapping[str, HostState], *, leader: str | None, add_ons: Sequence[str]
) -> tuple[Step, ...]:
    """Return the steps from what `states` say to what `cluster` wants, in order; empty if nothing is to be done.

    `leader` is the host of etcd's leader, None where nobody leads or nobody could be asked; `add_ons` the objects of
    the cluster that would change.
    """
    hosts = cluster.spec.hosts.members
    steps = [*_etcd(hosts, states, leader), *_api_servers(hosts, states), *_hosts(cluster, states)]
    if add_ons:
        steps.append(Step(ADD_ONS, (), tuple(add_ons)))
    fetched = tuple(f"{host.name}: fetch {what}" for host in hosts for what in states[host.name].missing)
    if fetched:
        places = tuple(host.name for host in hosts if states[host.name].missing)
        steps.insert(0, Step(PREFETCH, places, fetched))
    return tuple(steps)


def _etcd(hosts: Sequence[Host], states: Mapping[str, HostState], leader: str | None) -> Iterator[Step]:
    stale = [host.name for host in hosts if ETCD_SERVICE in states[host.name].stale]
    for name in sorted(stale, key=lambda name: name == leader):
        yield Step(ETCD, (name,), (_does(name, states, ETCD_SERVICE),))


def _api_servers(hosts: Sequence[Host], states: Mapping[str, HostState]) -> Iterator[Step]:
    for host in hosts:
        if API_SERVICE in states[host.name].stale:
            yield Step(API_SERVER, (host.name,), (_does(host.name, states, API_SERVICE),))


def _hosts(cluster: Cluster, states: Mapping[str, HostState]) -> Iterator[Step]:
    """Yield the rest of each host: those of the control plane and etcd one by one, then pure workers in batches."""
    changed = [host for host in cluster.spec.hosts.members if _rest(states[host.name])]
    for host in changed:
        if "worker" not in host.roles:
            yield Step(HOST, (host.name,), _does_rest(host.name, states))
    workers = [host for host in changed if "worker" in host.roles]
    has_another = sum(1 for host in cluster.spec.hosts.members if host.is_node) > 1
    drained = [host for host in workers if has_another and _drains(host, states[host.name])]
    for host in workers:
        if host not in drained:
            yield Step(HOST, (host.name,), _does_rest(host.name, states))
    # Hooks may stop whatever runs on a host, and so two members of etcd at once.
    alone = [host for host in drained if set(host.roles) != {"worker"}]
    rest = [host for host in drained if set(host.roles) == {"worker"}]
    size = batch_size(cluster.spec.upgrade.max_unavailable, _count_workers(cluster))
    batches = [[host] for host in alone] + [rest[start : start + size] for start in range(0, len(rest), size)]
    for batch in batches:
        names = tuple(host.name for host in batch)
        does = tuple(line for name in names for line in (f"{name}: drain", *_does_rest(name, states)))
        yield Step(HOST, names, does, drains=True)


def _drains(host: Host, state: HostState) -> bool:
    """Whether pods must leave a node: kubelet or runtime below them change, or hooks run, which may stop anything.

    A newer kubelet may restart every container: https://github.com/kubernetes/kubernetes/issues/129385.
    """
    return host.is_node and bool({KUBELET, "containerd", HOOKS} & set(state.stale))


def _rest(state: HostState) -> list[str]:
    return [name for name in state.stale if name not in {ETCD_SERVICE, API_SERVICE}]


def _does(host: str, states: Mapping[str, HostState], part: str) -> str:
    return f"{host}: {states[host].stale[part]}"


def _does_rest(host: str, states: Mapping[str, HostState]) -> tuple[str, ...]:
    return tuple(_does(host, states, part) for part in _rest(states[host]))


def _count_workers(cluster: Cluster) -> int:
    return len(cluster.hosts_with("worker"))


def batch_size(share: int | str, workers: int) -> int:
    """Return how many of `workers` may be out of service at once: at least one, or nothing would ever move."""
    number = math.floor(int(share.removesuffix("%")) * workers / 100) if isinstance(share, str) else share
    return max(1, number)


def steps_until(steps: Sequence[Step], cluster: Cluster, stop_after: str | None) -> tuple[Step, ...]:
    """Return the steps up to and with the last one on the host `stop_after`, or all of them without one.

    A step's own name, such as `etcd cp-2`, stops after that step. SpecError for what is neither.
    """
    if not stop_after:
        return tuple(steps)
    names = {host.name for host in cluster.spec.hosts.members}
    named = [number for number, step in enumerate(steps) if step.label == stop_after]
    touching = [number for number, step in enumerate(steps) if step.kind != PREFETCH and stop_after in step.hosts]
    if stop_after not in names and not named:
        known = ", ".join(sorted(names))
        labels = ", ".join(step.label for step in steps) or "none"
        raise SpecError(f"stop_after: `{stop_after}` is no host ({known}) and no step of the plan ({labels})")
    last = max(named or touching, default=-1)
    return tuple(steps[: last + 1])
