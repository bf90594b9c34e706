"""What the projects publish, for hosts that fetch it themselves: where each artifact is, and what digest it has.

Nothing is downloaded but checksum files and the manifests of images. A digest comes from whoever publishes the
artifact; what a publisher gives none for is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from windlass.domain.architectures import AMD64
from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.catalog import Release
from windlass.domain.catalog.drivers import Driver
from windlass.domain.rendering import HostDownload, OfficialAddresses
from windlass.domain.rendering.engine import ENGINE_PACKAGE
from windlass.errors import IntegrityError
from windlass.mirror.checksums import published_sha256
from windlass.mirror.download import Downloader, RetryPolicy
from windlass.mirror.official_catalog import FilePublication, ImagePublication, OfficialCatalog, Publication
from windlass.mirror.registry_pull import official_client, read_manifest

P = TypeVar("P")
_AT_ONCE = 8
_TIMEOUT = httpx.Timeout(20, connect=5)


def release_artifacts(
    release: Release, stacks: Iterable[str], architectures: Sequence[str] = (AMD64,), drivers: Iterable[Driver] = ()
) -> tuple[Artifact, ...]:
    """Return every artifact of a release, and of these of its stacks and drivers, that hosts fetch from its publisher.

    Docker Engine is the distribution's. A publisher's image is for all architectures that it has.
    """
    names = [name for name in release.files if name != ENGINE_PACKAGE]
    files = (release.artifact("file", name).on(one) for one in architectures for name in names)
    brought = [one for driver in drivers for one in driver.brought.items()]
    images = (*release.images_with(stacks), *(Artifact("image", name, version) for name, version in brought))
    return tuple(dict.fromkeys((*files, *images)))


def official_addresses(catalog: OfficialCatalog, artifacts: Iterable[Artifact]) -> OfficialAddresses:
    """Return where hosts find `artifacts`; WindlassError for one that official.yaml does not know."""
    places = {artifact: catalog.publication(artifact) for artifact in artifacts}
    downloads = {one: HostDownload(place.url, place.member) for one, place in _of_kind(places, FilePublication)}
    repositories = {
        one: f"{_host_of(place.registry)}/{place.repository}" for one, place in _of_kind(places, ImagePublication)
    }
    site = next(iter(catalog.sites.values()))
    return OfficialAddresses(probe_url=f"{site.base}{site.probe}", downloads=downloads, repositories=repositories)


def published_lock(
    catalog: OfficialCatalog, artifacts: Iterable[Artifact], patience: RetryPolicy | None = None
) -> Lock:
    """Ask the publishers for the digest of each artifact as they publish it now.

    IntegrityError where a publisher gives no digest, UnreachableError or WindlassError where none answers.
    """
    wanted = list(artifacts)
    with (
        official_client(_TIMEOUT) as client,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        downloader = Downloader(client, patience)
        digests = list(pool.map(lambda one: _digest(downloader, one, catalog.publication(one)), wanted))
    entries = zip(wanted, digests, strict=True)
    return Lock("official", {artifact: Locked(digest, 0, "publisher") for artifact, digest in entries})


def _digest(downloader: Downloader, artifact: Artifact, publication: Publication) -> str:
    if isinstance(publication, ImagePublication):
        return read_manifest(downloader, publication, publication.tag).digest
    if publication.checksum_url is None:
        raise IntegrityError(f"{artifact}: its publisher gives no checksum, so hosts cannot check it; use a mirror")
    text = downloader.get(publication.checksum_url).text
    name = PurePosixPath(urlsplit(publication.url).path).name
    return f"sha256:{published_sha256(text, name, publication.checksum_url)}"


def _of_kind(places: Mapping[Artifact, Publication], kind: type[P]) -> Iterator[tuple[Artifact, P]]:
    return ((artifact, place) for artifact, place in places.items() if isinstance(place, kind))


def _host_of(registry: str) -> str:
    """Return a registry as images name it; docker.io is spoken to elsewhere than it is named."""
    host = urlsplit(registry).netloc
    return "docker.io" if host == "registry-1.docker.io" else host
