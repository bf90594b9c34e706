"""Where an upgrade starts from and where it leads."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from windlass.domain.catalog import Catalog, Release
from windlass.domain.rollout.immutable import refuse_what_no_rollout_changes
from windlass.domain.rollout.record import LeftHost
from windlass.domain.rollout.transition import Transition, merged_hosts
from windlass.domain.rollout.version_skew import check_target
from windlass.domain.spec import Cluster, Host
from windlass.domain.spec.version import at_version
from windlass.errors import RefusedError, SpecError


@dataclass(frozen=True)
class UpgradeRequest:
    """What somebody asked for."""

    version: str = ""
    """Of Kubernetes; empty for the given spec's, or else for the one that runs."""
    spec: str = ""
    """The text of a changed spec; empty for the stored one."""
    stop_after: str = ""
    plan_only: bool = False
    allow_untested: bool = False
    gone: tuple[str, ...] = ()
    """Names of hosts that left the spec and are gone for good."""
    accept_new_host_key: tuple[str, ...] = ()
    """Names of hosts that were reinstalled, and whose new host key is trusted."""
    plan_digest: str = ""
    """The digest of the only plan that may be done; empty for any."""
    rotates: tuple[str, ...] = ()
    """What of certificates, authorities and keys is changed, by name: what is under way goes on to its next phase."""


@dataclass(frozen=True)
class UpgradePath:
    """Two specs, and the release of the second."""

    before: Cluster
    after: Cluster
    release: Release
    known: tuple[Host, ...] = ()
    """Hosts besides those of `before` that may have anything of the cluster."""
    gone: frozenset[str] = frozenset()
    recorded: frozenset[str] = frozenset()
    """Those of `gone` of which somebody said so before."""
    left: frozenset[str] = frozenset()
    """Hosts that left before, and are not known to be clean."""

    @property
    def transition(self) -> Transition:
        """Return which hosts join and leave on the way."""
        known = merged_hosts(self.before.spec.hosts.members, self.known)
        return Transition(self.after, known, self.gone, self.recorded, self.left, self.before)

    @property
    def is_upgrade(self) -> bool:
        """Say whether the release is another than the one that runs."""
        return self.before.spec.kubernetes.version != self.release.version

    @property
    def name(self) -> str:
        """Say it in words."""
        versions = (self.before.spec.kubernetes.version, self.after.spec.kubernetes.version)
        if versions[0] != versions[1]:
            return " -> ".join(versions)
        return f"{versions[0]} with {'its spec' if self.before == self.after else 'a changed spec'}"


def upgrade_path(catalog: Catalog, running: Cluster, given: Cluster | None, version: str) -> UpgradePath:
    """Return the path from `running` to the `given` spec, or the same one, at `version`, or else at the spec's.

    RefusedError or SpecError if no rollout may go there.
    """
    after = given or running
    target = version or after.spec.kubernetes.version
    release = check_target(catalog, running.spec.kubernetes.version, target)
    desired = at_version(after, target)
    refuse_what_no_rollout_changes(running, desired, release.drivers)
    return UpgradePath(running, desired, release)


def with_left_hosts(path: UpgradePath, left: Iterable[LeftHost], named: Iterable[str]) -> UpgradePath:
    """Return the path with the hosts that `left` before and are not clean, and those `named` as gone for good now.

    One whose address another host has by now is gone, whatever it was when it left.
    """
    hosts, taken = tuple(left), {host.address for host in path.after.spec.hosts.members}
    kept = {host.name for host in path.after.spec.hosts.members}
    recorded = {one.host.name for one in hosts if one.is_gone or one.host.address in taken} - kept - set(named)
    return replace(
        path,
        known=(*path.known, *(one.host for one in hosts)),
        gone=frozenset({*named, *recorded}),
        recorded=frozenset(recorded),
        left=frozenset(one.host.name for one in hosts),
    )


def check_hosts_of(path: UpgradePath, request: UpgradeRequest) -> None:
    """SpecError if a host named in the params is not what they say, or one that leaves gives its address away."""
    check_gone(path, request.gone)
    known = {host.name for host in path.after.spec.hosts.members}
    for name in request.accept_new_host_key:
        if name not in known:
            raise SpecError(f"accept_new_host_key: the spec has no host `{name}`; it has {', '.join(sorted(known))}")
    heirs = {host.address: host.name for host in path.after.spec.hosts.members}
    for host in path.transition.leaving:
        if host.name not in path.gone and host.address in heirs:
            raise SpecError(
                f"hosts: {host.name} leaves, and {heirs[host.address]} has its address {host.address}: a machine "
                f"cannot be cleaned and set up at once; apply the spec without both first, then with "
                f"{heirs[host.address]}. If the machine of {host.name} is gone for good, name it in `gone`"
            )


def check_machines(path: UpgradePath, missing: Collection[str]) -> None:
    """RefusedError if a provider that was changed knows no machine of a host that the cluster has.

    `missing` are the hosts that it would make: a second machine each, at the address of the one that is there.
    """
    before, after = path.before.spec.hosts, path.after.spec.hosts
    is_same = (before.provider, before.connection, before.settings) == (
        after.provider,
        after.connection,
        after.settings,
    )
    if not is_same and (known := [host.name for host in before.members if host.name in missing]):
        raise RefusedError(
            f"spec.hosts: the provider `{after.provider}`, as it is set up now, knows no machine of {', '.join(known)} "
            "and would make another one for each; nothing was changed: put spec.hosts.provider, connection and "
            "settings back, or make the machines known to it first (docs/hosts.md)"
        )


def check_gone(path: UpgradePath, named: tuple[str, ...]) -> None:
    """SpecError if one of the hosts `named` as gone for good does not leave the spec."""
    leaving = {host.name for host in path.transition.leaving}
    for name in named:
        if name in leaving:
            continue
        kept = {host.name for host in path.after.spec.hosts.members}
        why = (
            "is in the spec still; take it out, or name it in `accept_new_host_key` if its machine was reinstalled"
            if name in kept
            else f"is no host that leaves; those that do: {', '.join(sorted(leaving)) or 'none'}"
        )
        raise SpecError(f"gone: `{name}` {why}")
