"""Where hosts get images from, and how they name them: by digest, never by a tag alone."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Release

_NAMESPACE = "windlass"


@dataclass(frozen=True)
class MirrorAddresses:
    """The mirror as hosts reach it."""

    files: str
    """Base URL of its files, such as http://192.0.2.1:8080."""
    registry: str
    """Base URL or host:port of its registry; without a scheme it is spoken to by http."""

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


def image_reference(name: str, release: Release, lock: Lock, mirror: MirrorAddresses) -> str:
    """Return how a host names the image `name` of `release`: registry, name and digest.

    SpecError if the release has no such image, IntegrityError if the lock has no digest of it.
    """
    digest = lock.digest(release.artifact("image", name))
    return f"{mirror.registry_host}/{_NAMESPACE}/{name}@{digest}"
