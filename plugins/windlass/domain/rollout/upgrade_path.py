"""Where an upgrade starts from and where it leads."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.catalog import Catalog, Release
from windlass.domain.rollout.immutable import refuse_what_no_rollout_changes
from windlass.domain.rollout.transition import Transition, merged_hosts
from windlass.domain.rollout.version_skew import check_target
from windlass.domain.spec import Cluster, Host
from windlass.domain.spec.version import at_version
from windlass.errors import SpecError


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


@dataclass(frozen=True)
class UpgradePath:
    """Two specs, and the release of the second."""

    before: Cluster
    after: Cluster
    release: Release
    known: tuple[Host, ...] = ()
    """Hosts besides those of `before` that may have anything of the cluster."""
    gone: frozenset[str] = frozenset()

    @property
    def transition(self) -> Transition:
        """Return which hosts join and leave on the way."""
        return Transition(self.after, merged_hosts(self.before.spec.hosts.members, self.known), self.gone, self.before)

    @property
    def name(self) -> str:
        """Say it in words."""
        versions = (self.before.spec.kubernetes.version, self.after.spec.kubernetes.version)
        return " -> ".join(versions) if versions[0] != versions[1] else f"{versions[0]} with a changed spec"


def upgrade_path(catalog: Catalog, running: Cluster, given: Cluster | None, version: str) -> UpgradePath:
    """Return the path from `running` to the `given` spec, or the same one, at `version`, or else at the spec's.

    RefusedError or SpecError if no rollout may go there.
    """
    after = given or running
    target = version or after.spec.kubernetes.version
    release = check_target(catalog, running.spec.kubernetes.version, target)
    desired = at_version(after, target)
    refuse_what_no_rollout_changes(running, desired)
    return UpgradePath(running, desired, release)


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
