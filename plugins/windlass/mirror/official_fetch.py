"""Fetching one artifact of the source `official`: download, check, take out."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx

from windlass.domain.architectures import AMD64
from windlass.domain.artifacts import Artifact, Locked
from windlass.effects.archives import open_tar
from windlass.errors import IntegrityError, WindlassError
from windlass.mirror.checksums import file_sha256, published_sha256
from windlass.mirror.download import Download, Downloader, RetryPolicy
from windlass.mirror.oci_layout import Layout
from windlass.mirror.official_catalog import FilePublication, ImagePublication, Publication
from windlass.mirror.registry_pull import ImagePuller, official_client
from windlass.mirror.source import Produced, Progress

MOST_ARCHIVE_BYTES = 4 * 1024 * 1024 * 1024
"""Of a publisher's archive, which is never in memory as a whole; the largest programs have some hundred million."""
_TIMEOUT = httpx.Timeout(30, connect=10)


@dataclass(frozen=True)
class FetchOrder:
    """One artifact to fetch: where from, by way of which directory, where to."""

    artifact: Artifact
    publication: Publication
    workspace: Path
    """Keeps what was downloaded if the fetch breaks off."""
    into: Path
    locked: Locked | None
    """What the lock wants; None if it does not know the artifact."""
    architectures: tuple[str, ...] = (AMD64,)
    """What an image is fetched for."""

    @property
    def sha256(self) -> str | None:
        """The SHA-256 (64 hex digits) that a file must have; None if the lock does not know it."""
        return self.locked.digest.removeprefix("sha256:") if self.locked else None

    @property
    def manifests(self) -> Mapping[str, str]:
        """The digests that the manifests of an image must have, of the architectures that the lock knows it for."""
        known = {one: self.locked.digest_on(one) if self.locked else None for one in self.architectures}
        return {one: digest for one, digest in known.items() if digest is not None}


def fetch(order: FetchOrder, progress: Progress, patience: RetryPolicy | None) -> Produced:
    """Fetch what is ordered; IntegrityError if it is not what its publisher or the lock says."""
    with official_client(_TIMEOUT) as client:
        fetching = _Fetching(order, progress, Downloader(client, patience))
        if isinstance(order.publication, ImagePublication):
            return fetching.image(order.publication)
        return fetching.file(order.publication)


@dataclass(frozen=True)
class _Fetching:
    order: FetchOrder
    progress: Progress
    downloader: Downloader

    def file(self, publication: FilePublication) -> Produced:
        expected = (
            self.order.sha256 if publication.member is None and self.order.sha256 else self._published(publication)
        )
        archive = self.order.workspace / PurePosixPath(publication.url).name
        self.progress.say(f"download {publication.url}")
        self.downloader.fetch(Download(publication.url, archive, expected), self.progress.advance)
        target = self.order.into / self.order.artifact.name
        if publication.member is None:
            shutil.move(archive, target)
        else:
            _extract(archive, publication.member, target, publication.url)
        self._check(target)
        return Produced(target, "publisher" if publication.checksum_url else "unverified")

    def image(self, publication: ImagePublication) -> Produced:
        self.progress.say(f"pull {publication}")
        layout = Layout(self.order.workspace / "layout")
        puller = ImagePuller(self.downloader, self.order.architectures)
        pulled = puller.pull(publication, layout, self.order.manifests, self.progress.advance)
        target = self.order.into / "layout"
        shutil.move(layout.path, target)
        return Produced(target, "publisher" if pulled.verified else "unverified")

    def _published(self, publication: FilePublication) -> str | None:
        if publication.checksum_url is None:
            return None
        text = self.downloader.get(publication.checksum_url).text
        return published_sha256(text, PurePosixPath(publication.url).name, publication.checksum_url)

    def _check(self, made: Path) -> None:
        got = file_sha256(made)
        if self.order.sha256 not in {None, got}:
            made.unlink()
            raise IntegrityError(
                f"{self.order.artifact}: the lock of the source `official` wants SHA-256 {self.order.sha256}, but what "
                f"is published now gives {got}; nothing was kept. Find out why it changed before you change the lock"
            )


def _extract(archive: Path, member: str, target: Path, url: str) -> None:
    with open_tar(archive, MOST_ARCHIVE_BYTES, url) as entries:
        for entry in entries:
            if entry.kind == "file" and entry.name.removeprefix("./") == member:
                with target.open("wb") as output:
                    output.writelines(entries.content())
                return
    raise WindlassError(f"{url}: the archive has no file `{member}`; correct `member` in official.yaml")
