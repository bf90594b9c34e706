"""What the projects publish, for hosts that fetch it themselves: where each artifact is, and what digest it has.

Nothing is downloaded but checksum files and the manifests of images. A digest comes from whoever publishes the
artifact; what a publisher gives none for is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.catalog import Release
from windlass.domain.rendering import HostDownload, OfficialAddresses
from windlass.errors import IntegrityError, WindlassError
from windlass.mirror.checksums import published_sha256
from windlass.mirror.download import Downloader, RetryPolicy
from windlass.mirror.official_catalog import FilePublication, ImagePublication, OfficialCatalog, Publication
from windlass.mirror.registry_pull import official_client, read_manifest

P = TypeVar("P")
_AT_ONCE = 8
_TIMEOUT = httpx.Timeout(20, connect=5)


def release_artifacts(release: Release) -> tuple[Artifact, ...]:
    """Return every artifact of a release that hosts fetch from its publisher; Docker Engine is the distribution's."""
    files = (release.artifact("file", name) for name in release.files if name != "docker-engine")
    stacks = (release.for_stack(name) for name in release.stacks)
    seen = [release, *stacks]
    images = (one.artifact("image", name) for one in seen for name in one.images)
    return tuple(dict.fromkeys([*files, *images]))


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
    if not isinstance(publication, FilePublication):
        raise WindlassError(f"{artifact}: packages are fetched by a mirror only")
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
