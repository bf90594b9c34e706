"""Whether a recovery may be done, and with which hosts."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.recovery.fixed_point import is_served
from windlass.domain.recovery.survey import BundleOrigin, Survey
from windlass.domain.spec.members import with_hosts
from windlass.domain.spec.models import Cluster, Host
from windlass.errors import RefusedError, UnreachableError
from windlass.operation_names import Operation

_BACK = f"run {Operation.REPLACE_MEMBER} for each etcd host and apply the spec again"
LEFT_OUT = (
    "See that they are switched off: with old data they would go on as if nothing had happened",
    f"Their nodes are removed; once they are back, {_BACK}",
)
"""What whoever leaves hosts out has to do, a sentence each."""


@dataclass(frozen=True)
class RecoveryRequest:
    """What somebody asked for."""

    bundle: str
    """An id, a time, or `newest`."""
    restore_versions: bool = False
    overwrite_healthy: bool = False
    confirm_name: str = ""

    def is_told_twice(self, cluster: str) -> bool:
        """Say whether it was said on purpose that live data may be thrown away."""
        return self.overwrite_healthy and self.confirm_name == cluster


@dataclass(frozen=True)
class RecoveryPlan:
    """Which hosts come back, and what that does to quorum."""

    hosts: tuple[str, ...]
    """Hosts that are recovered, in the order of the spec."""
    etcd: tuple[str, ...]
    """Those of them that get a member, restored."""
    absent: tuple[str, ...]
    """Hosts of the spec that are left out: they join later, by being replaced."""
    now: str
    """Members with a leader, of all: `0 of 3`."""

    @property
    def is_whole(self) -> bool:
        """Say whether every host of the spec comes back."""
        return not self.absent

    @property
    def quorum(self) -> str:
        """Say what becomes of etcd's quorum."""
        size = len(self.etcd)
        tolerates = size - (size // 2 + 1)
        after = f"{size} of {size} ({', '.join(self.etcd)})"
        return f"etcd: now {self.now} members have a leader; after this {after}; tolerates {tolerates}"

    def __str__(self) -> str:
        if self.is_whole:
            return self.quorum
        return f"{self.quorum}\nleft out, since they do not answer: {', '.join(self.absent)}. {'. '.join(LEFT_OUT)}"


def plan_recovery(cluster: Cluster, survey: Survey, wish: RecoveryRequest, origin: BundleOrigin) -> RecoveryPlan:
    """Return the plan; RefusedError where data that lives would be thrown away and nobody said so twice.

    UnreachableError if too few hosts answer for any cluster.
    """
    hosts = tuple(host for host in cluster.spec.hosts.members if host.name not in survey.unreachable)
    etcd = _of_role(hosts, "etcd")
    for role in ("etcd", "control-plane"):
        if not _of_role(hosts, role):
            reasons = "; ".join(survey.unreachable.values())
            raise UnreachableError(
                f"no host with the role {role} answers: {reasons}; bring one back, or name new hosts"
            )
    if not wish.is_told_twice(cluster.name):
        _check_dead(cluster, survey, origin)
    observed = survey.observed
    led = sum(observed.at(name).has_leader for name in observed.desired)
    return RecoveryPlan(
        hosts=tuple(host.name for host in hosts),
        etcd=etcd,
        absent=tuple(host.name for host in cluster.spec.hosts.members if host.name in survey.unreachable),
        now=f"{led} of {len(observed.desired)}",
    )


def _check_dead(cluster: Cluster, survey: Survey, origin: BundleOrigin) -> None:
    """Refuse unless etcd is known to have no quorum, or to have lost its data: what is not observed is not dead."""
    twice = f"trigger it with `overwrite_healthy` and `confirm_name: {cluster.name}`"
    observed = survey.observed
    if is_served(survey, origin):
        raise RefusedError(
            f"cluster `{cluster.name}` lives: etcd has a leader, and a recovery would throw away what was written "
            f"since the bundle; one failed member is replaced by {Operation.REPLACE_MEMBER}. To do it all the "
            f"same, {twice}"
        )
    needed = len(observed.desired) // 2 + 1
    if len(observed.unknown) >= needed:
        raise RefusedError(
            f"cluster `{cluster.name}` may live: {', '.join(observed.unknown)} could not be seen, and {needed} members "
            f"are a quorum. Look from elsewhere, or switch those hosts off; if you know that they are gone, {twice}"
        )


def reduced(cluster: Cluster, hosts: tuple[str, ...]) -> Cluster:
    """Return the cluster with only `hosts`, as the others know it once the rest is gone."""
    return with_hosts(cluster, [host for host in cluster.spec.hosts.members if host.name in hosts])


def _of_role(hosts: tuple[Host, ...], role: str) -> tuple[str, ...]:
    return tuple(host.name for host in hosts if role in host.roles)
