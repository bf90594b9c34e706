"""A cluster as a remediation run observes it: every host, what should run there, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from windlass.domain.etcd.quorum import Membership
from windlass.domain.host.health_check import Strategy
from windlass.domain.objects.health import AddonHealth

Sight = Literal["healthy", "unhealthy", "unknown"]
"""`unknown`: nobody could look, which is neither good nor bad news."""

ETCD = "etcd"
CONTROL_PLANE = frozenset({"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"})
GONE = frozenset({"missing", "created", "exited", "dead", "removing"})
"""States of a container that will not come back by itself."""
STARTED = frozenset({"running", "restarting"})
"""States of a container that answers, or should soon."""


@dataclass(frozen=True)
class HealthReport:
    """What the monitor said of one component: how many checks of it failed in a row, and who saw that."""

    host: str
    component: str
    """Component or unit, such as `kube-apiserver` or `kubelet`."""
    failed_checks: int = 1
    seen_from: tuple[str, ...] = ()
    since: datetime | None = None
    """When the first of the failed checks ended; None where that does not matter."""

    @property
    def key(self) -> str:
        """What identifies this component in the cluster."""
        return f"{self.host}/{self.component}"


@dataclass(frozen=True)
class ServiceHealth:
    """One service of a stack on one host."""

    component: str
    stack: str
    state: str
    """Docker's word; `missing` if there is no container; `unknown` if its engine could not be asked."""
    answers: Sight
    """Whether its own check passes now."""
    reason: str = ""
    """What was observed, in words, such as `exited with 137`."""
    failed_checks: int = 0
    """How many checks of this run failed in a row."""
    age: timedelta | None = None
    """Since its container last started; None if it never did, or nobody could tell."""
    is_crashing: bool = False
    """Whether it ends soon after each start, again and again: its age says nothing then."""
    initializing: timedelta = timedelta(0)
    """How long it may take to answer first."""
    strategy: Strategy = "recreate"
    quorum: int = 0
    """How many others must be healthy for the strategy `recreateOnQuorum`."""
    unhealthy_threshold: int = 3
    drift: tuple[str, ...] = ()
    """How the container differs from what lies on the host as rendered."""

    def health(self, *, is_reported: bool) -> Sight:
        """Return whether it does its work; one that runs and fails checks is unhealthy only after enough of them.

        `is_reported` says that the monitor, which has counted, called it unhealthy.
        """
        if self.state == "unknown" or self.state not in GONE | {"paused", "restarting", "running"}:
            return "healthy" if self.answers == "healthy" else "unknown"
        if self.state in GONE or self.state == "paused":
            return "unhealthy"
        if self.answers == "unhealthy" and (is_reported or self.failed_checks >= self.unhealthy_threshold):
            return "unhealthy"
        return "healthy" if self.answers == "healthy" else "unknown"


@dataclass(frozen=True)
class UnitHealth:
    """One systemd unit on one host."""

    unit: str
    health: Sight
    reason: str = ""
    is_suspect: bool = False
    """Whether it failed a look, and more looks will tell."""


@dataclass(frozen=True)
class HostHealth:
    """One host of the spec."""

    name: str
    is_worker: bool
    """Whether it has neither etcd nor control plane on it."""
    unreachable: str = ""
    """Why it could not be looked at; empty if it could."""
    is_gone: bool = False
    """Whether its provider, which makes hosts, says that there is no such machine (running) any more."""
    is_bare: bool = False
    """Whether it is a machine that its provider has made, and that nothing of the cluster is on yet."""
    services: tuple[ServiceHealth, ...] = ()
    units: tuple[UnitHealth, ...] = ()
    is_compared: bool = False
    """Whether it was compared with what was rendered for it: else nothing is known of what differs."""
    lost_files: tuple[str, ...] = ()
    """Files that are not, or not known to be, as rendered: their content, mode and owner."""
    bad_certificates: tuple[str, ...] = ()
    """Certificate files that are lost, changed, or soon end."""
    certificate_access: tuple[str, ...] = ()
    """Certificate files with the content that was issued, which others than should may read or change."""
    has_member_data: bool | None = None
    """Whether etcd's data directory holds a member; None where nobody could tell, or no member belongs there."""
    is_full: bool = False
    """Whether nothing can be written any more where Windlass's data lie."""
    other_version: str = ""
    """The release that the host runs if it is not the spec's: an upgrade is under way or was left halfway."""
    left_to_apply: tuple[str, ...] = ()
    """What differs and only a rollout puts right, as on a host that was down while the spec changed."""
    is_cordoned: bool | None = False
    """None where the Kubernetes API could not be asked."""
    has_our_cordon: bool = False
    """Whether it was remediation that cordoned its node, as the Kubernetes API says."""

    @property
    def is_reachable(self) -> bool:
        """Whether it could be looked at."""
        return not self.unreachable

    @property
    def has_suspects(self) -> bool:
        """Whether something failed a check that may be chance: more looks will tell."""
        fails = any(one.state in STARTED and one.answers == "unhealthy" for one in self.services)
        return fails or any(unit.is_suspect for unit in self.units)

    def service(self, component: str) -> ServiceHealth | None:
        """Return what was observed of one service; None if it does not belong here."""
        return next((one for one in self.services if one.component == component), None)


@dataclass(frozen=True)
class ClusterHealth:
    """All hosts of the spec, and etcd's own view of its members."""

    at: datetime
    hosts: tuple[HostHealth, ...]
    membership: Membership | None = None
    """None where no member could be asked."""
    reports: Mapping[str, HealthReport] = field(default_factory=dict)
    """What the monitor said, by `host/component`."""
    addons: tuple[AddonHealth, ...] | None = None
    """The cluster's own services in Kubernetes; None where the API was not asked, or did not answer."""
    rollout: str = ""
    """What rollout has begun and not ended, in words: what differs may be what it has changed already."""

    def host(self, name: str) -> HostHealth:
        """Return one host; KeyError if it is none of the cluster's."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    def is_unhealthy(self, host: HostHealth) -> bool:
        """Say whether a host, or a part of it, does not do its work."""
        if not host.is_reachable:
            return True
        units = any(unit.health == "unhealthy" for unit in host.units)
        return units or any(self.health(host, service) == "unhealthy" for service in host.services)

    def is_healthy(self, host: HostHealth) -> bool:
        """Say whether every part of a host is known to do its work."""
        units = all(unit.health == "healthy" for unit in host.units)
        return host.is_reachable and units and all(self.health(host, one) == "healthy" for one in host.services)

    def health(self, host: HostHealth, service: ServiceHealth) -> Sight:
        """Return how a service is, the monitor's word included."""
        return service.health(is_reported=f"{host.name}/{service.component}" in self.reports)
