"""Fetching one artifact of the source `official`: download, check, take out or put together."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx

from windlass.domain.artifacts import Artifact
from windlass.effects.archives import expanded, open_tar
from windlass.errors import IntegrityError, WindlassError
from windlass.mirror.checksums import file_sha256, published_sha256
from windlass.mirror.debian_index import Package, needed, parse_index, release_sha256
from windlass.mirror.debian_signature import signed_release
from windlass.mirror.download import Download, Downloader, RetryPolicy
from windlass.mirror.oci_layout import Layout
from windlass.mirror.official_catalog import FilePublication, ImagePublication, PackagesPublication, Publication
from windlass.mirror.registry_pull import ImagePuller, official_client
from windlass.mirror.source import Produced, Progress

MOST_INDEX_BYTES = 512 * 1024 * 1024
"""Of Debian's index of packages; that of the whole release is of 50 MB."""
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
    locked: str | None
    """The SHA-256 (64 hex digits) that the lock wants, None if it does not know the artifact."""


def fetch(order: FetchOrder, progress: Progress, patience: RetryPolicy | None) -> Produced:
    """Fetch what is ordered; IntegrityError if it is not what its publisher or the lock says."""
    with official_client(_TIMEOUT) as client:
        fetching = _Fetching(order, progress, Downloader(client, patience))
        if isinstance(order.publication, ImagePublication):
            return fetching.image(order.publication)
        if isinstance(order.publication, PackagesPublication):
            return fetching.packages(order.publication)
        return fetching.file(order.publication)


@dataclass(frozen=True)
class _Fetching:
    order: FetchOrder
    progress: Progress
    downloader: Downloader

    def file(self, publication: FilePublication) -> Produced:
        expected = (
            self.order.locked if publication.member is None and self.order.locked else self._published(publication)
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

    def packages(self, publication: PackagesPublication) -> Produced:
        index = self._index(publication)
        chosen = needed(publication.names, index)
        main = index[publication.names[0]]
        if not main.version.startswith(publication.version):
            raise WindlassError(
                f"{self.order.artifact}: {publication.suite} has {main.name} {main.version}; "
                "put that version in artifacts.yaml"
            )
        files = [self._package(package, publication) for package in chosen]
        target = self.order.into / self.order.artifact.name
        _bundle(files, target)
        self._check(target)
        return Produced(target, "publisher", main.version)

    def image(self, publication: ImagePublication) -> Produced:
        self.progress.say(f"pull {publication}")
        layout = Layout(self.order.workspace / "layout")
        digest = f"sha256:{self.order.locked}" if self.order.locked else None
        pulled = ImagePuller(self.downloader).pull(publication, layout, digest, self.progress.advance)
        target = self.order.into / "layout"
        shutil.move(layout.path, target)
        return Produced(target, "publisher" if pulled.verified else "unverified")

    def _published(self, publication: FilePublication) -> str | None:
        if publication.checksum_url is None:
            return None
        text = self.downloader.get(publication.checksum_url).text
        return published_sha256(text, PurePosixPath(publication.url).name, publication.checksum_url)

    def _index(self, publication: PackagesPublication) -> dict[str, Package]:
        suite = f"{publication.archive}/dists/{publication.suite}"
        path = "main/binary-amd64/Packages.xz"
        self.progress.say(f"download {suite}/{path}")
        where = f"{suite}/InRelease"
        release = signed_release(self.downloader.get(where).content, publication.suite, where)
        expected = release_sha256(release, path, where)
        packed = self.order.workspace / "Packages.xz"
        self.downloader.fetch(Download(f"{suite}/{path}", packed, expected), self.progress.advance)
        with packed.open("rb") as stream:
            content = b"".join(expanded(stream, MOST_INDEX_BYTES, f"{suite}/{path}"))
        return parse_index(content, f"{suite}/{path}")

    def _package(self, package: Package, publication: PackagesPublication) -> Path:
        target = self.order.workspace / package.file_name
        self.progress.say(f"download {package.file_name}")
        url = f"{publication.archive}/{package.path}"
        self.downloader.fetch(Download(url, target, package.sha256), self.progress.advance)
        return target

    def _check(self, made: Path) -> None:
        got = file_sha256(made)
        if self.order.locked not in {None, got}:
            made.unlink()
            raise IntegrityError(
                f"{self.order.artifact}: the lock of the source `official` wants SHA-256 {self.order.locked}, but what "
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


def _bundle(files: Sequence[Path], target: Path) -> None:
    """Write the files into a tar archive that is the same whenever and by whomever it is made."""
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as archive:
        for path in files:
            member = tarfile.TarInfo(path.name)
            member.size, member.mode = path.stat().st_size, 0o644
            with path.open("rb") as stream:
                archive.addfile(member, stream)
