"""What is checked on a cluster's hosts, and from where: read from the stacks as they are rendered, and the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from windlass.domain.catalog import Release
from windlass.domain.health.consensus import Thresholds
from windlass.domain.health.findings import Kind
from windlass.domain.health.probe import Subject
from windlass.domain.health.vantage import vantages_of
from windlass.domain.host.facts import parse_facts
from windlass.domain.host.health_check import HealthCheck, read_health
from windlass.domain.host.host_checks import any_lock
from windlass.domain.host.layout import API_SERVER, API_SERVER_NAME, ETCD_STATUS_PORT, KUBELET_PORT, PKI
from windlass.domain.objects.watched import WatchedObject, watched_objects
from windlass.domain.rendering.context import ClusterInputs, HostInputs
from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.rendering.manifests import render_manifests
from windlass.domain.rendering.stacks import compose_alone, host_stacks
from windlass.domain.spec.drivers import observed_kinds
from windlass.domain.spec.logins import login_of
from windlass.domain.spec.models import Cluster, HealthOverride, Host

KUBELET = "kubelet"
KUBELET_CHECK = HealthCheck(
    port=KUBELET_PORT,
    protocol="https",
    request_line="GET /healthz HTTP/1.0",
    address="host",
    client_certificate=None,
    interval=timedelta(seconds=5),
    response_timeout=timedelta(seconds=3),
    initializing_timeout=timedelta(seconds=120),
    reinitializing_timeout=timedelta(seconds=60),
    healthy_threshold=2,
    unhealthy_threshold=3,
    strategy="none",
    quorum=0,
)
"""Of every node. `none`, as no container is replaced: kubelet is a unit, which repair restarts."""
_UNAUTHORIZED = 401
_NOBODY = MirrorAddresses("http://mirror.invalid", "mirror.invalid")
_FACTS = parse_facts("complete=yes")


@dataclass(frozen=True)
class Check:
    """One check: of what, how, and from which other hosts, the one that looks all the time first.

    `vantages` is empty where no other host can look: then the host itself does, as Airflow asks it to.
    """

    subject: Subject
    health: HealthCheck
    address: str
    vantages: tuple[str, ...]
    accepts: tuple[int, ...] = ()
    """Status codes besides 2xx that say it is healthy: kubelet lives if it turns down whoever has no certificate."""

    @cached_property
    def thresholds(self) -> Thresholds:
        """What it takes to call it healthy or unhealthy, in seconds and numbers of looks."""
        health = self.health
        return Thresholds(
            interval=health.interval.total_seconds(),
            response_timeout=health.response_timeout.total_seconds(),
            unhealthy=health.unhealthy_threshold,
            healthy=health.healthy_threshold,
            initializing=health.initializing_timeout.total_seconds(),
            reinitializing=health.reinitializing_timeout.total_seconds(),
        )

    @property
    def authority(self) -> str:
        """Path, on the vantage point, of the certificate that verifies the answer."""
        certificate = self.health.client_certificate
        return f"{certificate.rpartition('/')[0] if certificate else PKI}/ca.crt"

    @property
    def server_name(self) -> str:
        """Name that the certificate behind the answer must be for."""
        return API_SERVER_NAME if self.subject.component == API_SERVER else self.address


@dataclass(frozen=True)
class CheckPlan:
    """All checks of one cluster."""

    cluster: str
    hosts: Mapping[str, str]
    """Address by host, at which the others reach it."""
    reach_ports: Mapping[str, tuple[int, ...]]
    """By host: where it takes or refuses a connection as long as it is there, SSH's and one that others need anyway."""
    checks: tuple[Check, ...]
    objects: tuple[WatchedObject, ...] = ()
    """What the cluster's own services are made of in Kubernetes."""
    virtual_address: str | None = None
    """Where clients reach the API, whichever control-plane host holds it."""

    def has(self, kind: Kind, component: str) -> bool:
        """Say whether the cluster has (still) what a finding of `kind` is about, if that is on no single host."""
        if kind is Kind.ADDON_UNAVAILABLE:
            return component in {one.addon for one in self.objects}
        return kind is not Kind.VIRTUAL_ADDRESS or self.virtual_address is not None


class CheckReader:
    """Reads checks from rendered stacks; equal clusters are rendered once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Mapping[str, HealthCheck]] = {}
        self._objects: dict[str, tuple[WatchedObject, ...]] = {}

    def plan(self, cluster: Cluster, release: Release) -> CheckPlan:
        """Return every check of `cluster`; SpecError if a stack's own declaration is wrong."""
        spec = cluster.spec
        components = {host.name: self._components(cluster, release, host) for host in spec.hosts.members}
        checks = tuple(check for host in spec.hosts.members for check in _checks(host, components))
        hosts = {host.name: host.node_address for host in spec.hosts.members}
        # Where SSH is open from a bastion alone, it is the other port by which hosts see each other.
        ports = {
            host.name: (login_of(cluster, host).port, KUBELET_PORT if host.is_node else ETCD_STATUS_PORT)
            for host in spec.hosts.members
        }
        watched, address = self._watched(cluster, release), spec.api.virtual_address
        return CheckPlan(cluster.name, hosts, ports, checks, watched, address)

    def _watched(self, cluster: Cluster, release: Release) -> tuple[WatchedObject, ...]:
        key = _rest(cluster)
        if key not in self._objects:
            manifests = render_manifests(cluster, release, any_lock(release), _NOBODY)
            self._objects[key] = tuple(watched_objects(manifests, observed_kinds(cluster, release.drivers)))
        return self._objects[key]

    def _components(self, cluster: Cluster, release: Release, host: Host) -> Mapping[str, HealthCheck]:
        key = _key(cluster, release, host)
        if key not in self._known:
            self._known[key] = _render(cluster, release, host)
        return self._known[key]


def _checks(host: Host, components: Mapping[str, Mapping[str, HealthCheck]]) -> Iterator[Check]:
    for component, health in components[host.name].items():
        accepts = (_UNAUTHORIZED,) if component == KUBELET else ()
        if health.address == "loopback":
            yield Check(Subject(host.name, component), health, "127.0.0.1", (), accepts)
        else:
            others = [
                name for name in components if name != host.name and _can_look(component, health, components[name])
            ]
            yield Check(
                Subject(host.name, component), health, host.node_address, vantages_of(host.name, others), accepts
            )


def _can_look(component: str, health: HealthCheck, theirs: Mapping[str, HealthCheck]) -> bool:
    """Say whether a host with `theirs` has the client certificate: only those do that run such a component."""
    return health.client_certificate is None or component in theirs


def _key(cluster: Cluster, release: Release, host: Host) -> tuple[str, ...]:
    counts = (len(cluster.hosts_with("etcd")), len(cluster.hosts_with("control-plane")))
    return (release.version, _rest(cluster), str(counts), *host.roles, *host_stacks(cluster, host))


def _rest(cluster: Cluster) -> str:
    """Return all of a spec but its hosts."""
    spec = cluster.spec
    rest = spec.model_copy(update={"hosts": spec.hosts.model_copy(update={"members": ()})})
    return rest.model_dump_json()


def _render(cluster: Cluster, release: Release, host: Host) -> Mapping[str, HealthCheck]:
    inputs = HostInputs(ClusterInputs(cluster, release, any_lock(release), _NOBODY), host, _FACTS)
    found: dict[str, HealthCheck] = {}
    for stack in host_stacks(cluster, host):
        found |= read_health(compose_alone(stack, inputs))
    if host.is_node:
        found[KUBELET] = _overridden(KUBELET_CHECK, cluster.spec.health.get(KUBELET))
    return found


def _overridden(check: HealthCheck, override: HealthOverride | None) -> HealthCheck:
    changed: dict[str, Any] = {}
    for name, value in ({} if override is None else override.model_dump(exclude_none=True)).items():
        is_time = name.endswith("_seconds")
        changed[name.removesuffix("_seconds")] = timedelta(seconds=value) if is_time else value
    return replace(check, **changed)
