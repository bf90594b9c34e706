"""One release of the catalog, and the catalog as the releases it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from windlass.domain.artifacts import Artifact, ArtifactKind, Lock
from windlass.domain.catalog.drivers import Driver, Drivers
from windlass.domain.catalog.flags import ReleaseFlags
from windlass.domain.catalog.flaws import Flaw, FoundFlaw, found_flaws
from windlass.domain.catalog.kubelet_keys import KubeletKeys
from windlass.domain.catalog.stacks import RELEASE_VERSION, StackTemplate
from windlass.errors import SpecError

_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class RemovedApi:
    """An API version that a release no longer serves, and what to use in its place."""

    api_version: str
    kinds: tuple[str, ...]
    use: str


@dataclass(frozen=True)
class Release:
    """One tested Kubernetes release: versions of all its parts, and its templates as text."""

    version: str
    files: Mapping[str, str]
    """Version of each file artifact by its name."""
    images: Mapping[str, str]
    """Version of each image by its name."""
    upgrades_from: tuple[str, ...]
    """Minor releases, such as `1.36`, of which every patch may be upgraded to this one."""
    removed_apis: tuple[RemovedApi, ...] = ()
    notes: tuple[str, ...] = ()
    templates: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Text of each template by its path below the first directory of the search path that has it."""
    stacks: Mapping[str, StackTemplate] = field(default_factory=dict, repr=False)
    """The stacks that a spec may pick, by name; their templates count among `templates`, below `stacks/NAME/`."""

    drivers: Drivers = field(default_factory=Drivers, repr=False)
    """The drivers that a spec may pick; their templates count among `templates`, below `drivers/SLOT/NAME/`."""

    flags: ReleaseFlags = field(default_factory=dict, repr=False)
    """What each component takes on its command line, as recorded; empty if nobody has."""
    kubelet_keys: KubeletKeys = field(default_factory=KubeletKeys, repr=False)
    """What kubelet takes in its configuration, as recorded; empty if nobody has."""
    flaws: tuple[Flaw, ...] = field(default=(), repr=False)
    """Known flaws of what the catalog ships, of this release or not."""

    @property
    def minor(self) -> str:
        """The release without its patch: `1.37` of v1.37.2."""
        return ".".join(str(part) for part in version_numbers(self.version)[:2])

    def artifact(self, kind: ArtifactKind, name: str) -> Artifact:
        """Return the artifact `name` in this release's version; SpecError if the release has none of that name."""
        versions = self.files if kind == "file" else self.images
        if name not in versions:
            raise SpecError(
                f"the catalog's {self.version} has no {kind} `{name}`; it has: {', '.join(sorted(versions))}"
            )
        return Artifact(kind, name, versions[name])

    def found_flaws(self, lock: Lock | None = None) -> tuple[FoundFlaw, ...]:
        """Return the known flaws of the release's parts; `lock` says which revisions of Debian's packages they are."""
        return found_flaws(self.flaws, {**self.files, **self.images}, lock)

    def with_stacks(self, stacks: Mapping[str, StackTemplate]) -> Release:
        """Return this release with stacks for specs to pick."""
        own = {
            f"stacks/{stack.name}/{file}": text for stack in stacks.values() for file, text in stack.templates.items()
        }
        return replace(self, stacks=dict(stacks), templates={**own, **self.templates})

    def with_drivers(self, drivers: Drivers) -> Release:
        """Return this release with drivers for specs to pick."""
        own = {
            f"{driver.directory}/{file}": text
            for driver in drivers.loaded.values()
            for file, text in driver.templates.items()
        }
        return replace(self, drivers=drivers, templates={**own, **self.templates})

    def for_driver(self, driver: Driver) -> Release:
        """Return this release as a driver sees it: with the images and files that it brings."""
        images, files = {**self.images, **driver.brought}, {**self.files, **driver.brought_files}
        return replace(self, images=images, files=files)

    def for_stack(self, name: str) -> Release:
        """Return this release as one of its stacks sees it: with the images that the stack brings."""
        stack = self.stacks.get(name)
        brought = stack.images.items() if stack else ()
        own = {image: version for image, version in brought if version != RELEASE_VERSION}
        return replace(self, images={**self.images, **own}) if own else self

    def images_with(self, stacks: Iterable[str]) -> tuple[Artifact, ...]:
        """Return the release's images, and those that these of its stacks bring."""
        seen = (self, *map(self.for_stack, stacks))
        return tuple(dict.fromkeys(one.artifact("image", name) for one in seen for name in one.images))

    @property
    def all_images(self) -> tuple[Artifact, ...]:
        """The release's images, and those that any of its stacks and drivers bring."""
        brought = (
            Artifact("image", name, version)
            for driver in self.drivers.loaded.values()
            for name, version in driver.brought.items()
        )
        return tuple(dict.fromkeys((*self.images_with(self.stacks), *brought)))

    def can_upgrade_from(self, version: str) -> bool:
        """Whether a cluster of `version` may be upgraded to this release; never to the same or an older one."""
        major, minor, _ = version_numbers(version)
        return f"{major}.{minor}" in self.upgrades_from and version_numbers(version) < version_numbers(self.version)


@dataclass(frozen=True)
class Catalog:
    """All releases, by version."""

    releases: Mapping[str, Release]

    @property
    def versions(self) -> tuple[str, ...]:
        """All versions, oldest first."""
        return tuple(sorted(self.releases, key=version_numbers))

    @property
    def stacks(self) -> Mapping[str, StackTemplate]:
        """The stacks that a spec may pick, by name; every release has the same."""
        return next((release.stacks for release in self.releases.values()), {})

    @property
    def drivers(self) -> Drivers:
        """The drivers that a spec may pick; every release has the same."""
        return next((release.drivers for release in self.releases.values()), Drivers())

    @property
    def flags(self) -> Mapping[str, ReleaseFlags]:
        """What the components of each release take on their command lines, by version."""
        return {version: release.flags for version, release in self.releases.items()}

    @property
    def kubelet_keys(self) -> Mapping[str, KubeletKeys]:
        """What the kubelet of each release takes in its configuration, by version."""
        return {version: release.kubelet_keys for version, release in self.releases.items()}

    def release(self, version: str) -> Release:
        """Return the release `version`; SpecError that names those there are."""
        if version not in self.releases:
            raise SpecError(f"the catalog has no Kubernetes {version}; it has: {', '.join(self.versions)}")
        return self.releases[version]

    def upgrades_of(self, version: str) -> tuple[Release, ...]:
        """Return the releases that a cluster of `version` may be upgraded to, oldest first."""
        return tuple(self.releases[other] for other in self.versions if self.releases[other].can_upgrade_from(version))


def version_numbers(version: str) -> tuple[int, int, int]:
    """Read vX.Y.Z into numbers that sort; SpecError for anything else."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise SpecError(f"`{version}` is no version of Kubernetes; write it as vX.Y.Z, such as v1.37.2")
    major, minor, patch = (int(part) for part in match.groups())
    return major, minor, patch
