"""Known flaws of what the catalog ships, as their sources tell them: what is affected, and what closes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from windlass.domain.artifacts import Lock
from windlass.domain.part_versions import DebianVersion, project_version

FLAWS_FILE = "flaws.yaml"
Severity = Literal["low", "medium", "high", "critical"]
FlawState = Literal["open", "unknown", "closed", "fixed"]


@dataclass(frozen=True)
class VersionRange:
    """Versions from `since` on, up to but without `before`."""

    since: str
    before: str

    def __contains__(self, version: str) -> bool:
        return project_version(self.since) <= project_version(version) < project_version(self.before)


@dataclass(frozen=True)
class Flaw:
    """One known flaw of one component."""

    id: str
    """CVE or GHSA."""
    component: str
    """Name of the file or image in the catalog."""
    severity: Severity
    """By the CVSS of the source."""
    summary: str
    source: str
    """URL of who says so."""
    affected: tuple[VersionRange, ...]
    debian: str = ""
    """Debian's revision of an affected version from which on it is fixed there; empty if there is none."""
    closed_by: str = ""
    """What Windlass itself does so that nobody gets at it; empty if nothing."""

    def affects(self, version: str) -> bool:
        """Tell whether the component of this version has the flaw, as its project released it."""
        return any(version in one for one in self.affected)

    def state(self, revision: str) -> FlawState:
        """Say how the flaw stands in an affected version, in Debian's `revision` of it (empty: not known).

        `closed`: it is there, and Windlass keeps everybody from it. `unknown`: Debian fixed it in some revision.
        """
        if self.debian and revision and DebianVersion(revision) >= DebianVersion(self.debian):
            return "fixed"
        if self.closed_by:
            return "closed"
        return "unknown" if self.debian and not revision else "open"

    def told(self, version: str, revision: str) -> str:
        """Return the flaw in a line, for a component of this version."""
        line = f"{self.id} ({self.severity}) of {self.component} {revision or version}: {self.summary}"
        by_project = next((f"fixed in {one.before}" for one in self.affected if version in one), "not affected")
        ends: dict[FlawState, str] = {
            "open": by_project,
            "unknown": f"{by_project}, and by Debian in {self.debian}; which revision the mirror has is not known",
            "closed": f"{by_project}; closed here: {self.closed_by}",
            "fixed": f"fixed by Debian in {self.debian}",
        }
        return f"{line}; {ends[self.state(revision)]}; {self.source}"


@dataclass(frozen=True)
class FoundFlaw:
    """A flaw of a release, and how it stands there."""

    flaw: Flaw
    state: FlawState
    text: str

    @property
    def is_critical(self) -> bool:
        """Tell whether a release with it must not count as tested."""
        return self.state == "open" and self.flaw.severity == "critical"

    @property
    def is_there(self) -> bool:
        """Tell whether somebody has to think of it: it is there, or may be, and nothing closes it."""
        return self.state in {"open", "unknown"}


def found_flaws(flaws: Iterable[Flaw], versions: Mapping[str, str], lock: Lock | None) -> tuple[FoundFlaw, ...]:
    """Return the flaws of components in these versions; Debian's revisions of them are as `lock` has them."""
    revisions = {
        (artifact.name, artifact.version): locked.revision
        for artifact, locked in (lock.artifacts.items() if lock else ())
    }
    found = []
    for flaw in flaws:
        version = versions.get(flaw.component)
        if version is not None and flaw.affects(version):
            revision = revisions.get((flaw.component, version), "")
            found.append(FoundFlaw(flaw, flaw.state(revision), flaw.told(version, revision)))
    return tuple(found)
