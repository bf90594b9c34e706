"""Clusters as a remediation run may see them, made of a few words each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from windlass.domain.etcd.quorum import Member, Membership
from windlass.domain.host.health import ETCD
from windlass.domain.remediation import ClusterHealth, HealthReport, HostHealth, ServiceHealth, UnitHealth
from windlass.domain.spec.models import Repair as Settings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SETTINGS = Settings()
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "api-proxy")


def service(component: str, state: str = "running", answers: str = "healthy", **more: object) -> ServiceHealth:
    stack = {"etcd": "etcd", "api-proxy": "api-proxy"}.get(component, "control-plane")
    strategy = "recreateOnQuorum" if component == "etcd" else "recreate"
    answers = "unhealthy" if state in {"exited", "missing"} else answers
    made = ServiceHealth(component, stack, state, answers, age=timedelta(hours=1), strategy=strategy)  # type: ignore[arg-type]
    return replace(made, initializing=timedelta(seconds=60), **more)  # type: ignore[arg-type]


def units(*unhealthy: str) -> tuple[UnitHealth, ...]:
    return tuple(
        UnitHealth(unit, "unhealthy" if unit in unhealthy else "healthy")
        for unit in ("docker", "windlass-containerd", "kubelet")
    )


def control_plane(name: str, *different: ServiceHealth, **more: object) -> HostHealth:
    changed = {one.component: one for one in different}
    services = tuple(changed.get(component, service(component)) for component in CONTROL_PLANE)
    made = HostHealth(name, is_worker=False, services=services, units=units(), has_member_data=True)
    return replace(made, **more)  # type: ignore[arg-type]


def worker(name: str, *unhealthy: str, **more: object) -> HostHealth:
    return replace(HostHealth(name, is_worker=True, services=(service("api-proxy"),), units=units(*unhealthy)), **more)  # type: ignore[arg-type]


def membership(hosts: Iterable[HostHealth]) -> Membership:
    """The members as they would see each other: a member does its part if its service is healthy."""
    members = tuple(
        Member(host.name, number, "voter", started=True, health=host.service(ETCD).health(is_reported=True))  # type: ignore[union-attr]
        for number, host in enumerate((one for one in hosts if one.service(ETCD)), start=1)
    )
    return Membership(members, frozenset(member.name for member in members))


def cluster(*different: HostHealth, reports: Iterable[HealthReport] = (), workers: int = 3) -> ClusterHealth:
    changed = {one.name: one for one in different}
    hosts = [changed.get(name, control_plane(name)) for name in ("cp-1", "cp-2", "cp-3")]
    hosts += [changed.get(f"w-{number}", worker(f"w-{number}")) for number in range(1, workers + 1)]
    by_key: Mapping[str, HealthReport] = {one.key: one for one in reports}
    return ClusterHealth(NOW, tuple(hosts), membership(hosts), by_key)
