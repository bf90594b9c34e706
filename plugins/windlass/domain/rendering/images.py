"""Where hosts get images from, and how they name them: by digest, never by a tag alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar
from urllib.parse import urlsplit

from windlass.domain.artifacts import Artifact, Lock, own_directory
from windlass.domain.catalog import Release
from windlass.errors import SpecError

T = TypeVar("T")
_NAMESPACE = "windlass"


@dataclass(frozen=True)
class HostDownload:
    """Where a host gets one file artifact."""

    url: str
    member: str | None = None
    """The one file to take out of the archive at `url`; None where the download is the artifact itself."""


@dataclass(frozen=True)
class MirrorAddresses:
    """The mirror as hosts reach it."""

    files: str
    """Base URL of its files, such as http://192.0.2.1:8080."""
    registry: str
    """Base URL or host:port of its registry; without a scheme it is spoken to by http."""

    brings_engine: ClassVar[bool] = True
    """Whether Docker Engine's packages come from here too; else they are the host's own distribution's."""

    gives_indexes: ClassVar[bool] = False
    """Whether an image is its publisher's index, for all architectures, whatever the lock says of them."""

    @property
    def probe(self) -> str:
        """A URL that answers where hosts can be served."""
        return f"{self.files}/healthz"

    def download(self, artifact: Artifact) -> HostDownload:
        """Return where a file artifact is."""
        parts = ("files", artifact.name, artifact.version, own_directory(artifact), artifact.name)
        return HostDownload("/".join([self.files, *filter(None, parts)]))

    def image(self, artifact: Artifact, digest: str) -> str:
        """Return how a host names an image."""
        return f"{self.registry_host}/{_NAMESPACE}/{artifact.name}@{digest}"

    @property
    def registry_host(self) -> str:
        """The registry as images name it: host:port."""
        return urlsplit(self.registry_url).netloc

    @property
    def registry_url(self) -> str:
        """The registry's base URL."""
        return self.registry if "://" in self.registry else f"http://{self.registry}"

    @property
    def is_secure(self) -> bool:
        """Whether the registry is spoken to by https."""
        return self.registry_url.startswith("https://")


@dataclass(frozen=True)
class OfficialAddresses(MirrorAddresses):
    """The publishers' own sites and registries, for hosts that reach them."""

    files: str = ""
    registry: str = ""
    probe_url: str = ""
    downloads: Mapping[Artifact, HostDownload] = field(default_factory=dict)
    repositories: Mapping[Artifact, str] = field(default_factory=dict)
    """Registry and repository of each image."""
    brings_engine: ClassVar[bool] = False
    gives_indexes: ClassVar[bool] = True

    @property
    def probe(self) -> str:
        """A URL that answers where hosts can be served."""
        return self.probe_url

    def download(self, artifact: Artifact) -> HostDownload:
        """Return where a file artifact is published; SpecError if nobody says where."""
        return _published(self.downloads, artifact)

    def image(self, artifact: Artifact, digest: str) -> str:
        """Return how a host names a published image; SpecError if nobody says where it is published."""
        return f"{_published(self.repositories, artifact)}@{digest}"


def _published(places: Mapping[Artifact, T], artifact: Artifact) -> T:
    if artifact not in places:
        raise SpecError(f"{artifact}: nobody says where it is published; add it to official.yaml, or use a mirror")
    return places[artifact]


def image_reference(name: str, release: Release, lock: Lock, mirror: MirrorAddresses) -> str:
    """Return how a host names the image `name` of `release`: registry, name and digest.

    SpecError if the release has no such image, IntegrityError if the lock has no digest of it.
    """
    artifact = release.artifact("image", name)
    return mirror.image(artifact, lock.digest(artifact))
