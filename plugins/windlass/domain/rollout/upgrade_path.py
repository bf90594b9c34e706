"""Where an upgrade starts from and where it leads."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.catalog import Catalog, Release
from windlass.domain.rollout.immutable import refuse_what_no_rollout_changes
from windlass.domain.rollout.version_skew import check_target
from windlass.domain.spec import Cluster
from windlass.domain.spec.version import at_version


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
    plan_digest: str = ""
    """The digest of the only plan that may be done; empty for any."""


@dataclass(frozen=True)
class UpgradePath:
    """Two specs, and the release of the second."""

    before: Cluster
    after: Cluster
    release: Release

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
    refuse_what_no_rollout_changes(running, after)
    return UpgradePath(running, at_version(after, target), release)
