"""The source `official`: the projects' own release downloads, packages and images."""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

import httpx

from windlass.domain.artifacts import Artifact, Lock
from windlass.errors import IntegrityError, WindlassError
from windlass.mirror.checksums import file_sha256, published_sha256
from windlass.mirror.debian_index import Package, needed, parse_index, release_sha256
from windlass.mirror.download import Download, Downloader, Patience
from windlass.mirror.oci_layout import Layout
from windlass.mirror.official_catalog import (
    FilePublication,
    ImagePublication,
    OfficialCatalog,
    PackagesPublication,
    load_catalog,
)
from windlass.mirror.official_probe import unreachable_sites
from windlass.mirror.places import cache_directory, needed_artifacts, recipes_directory
from windlass.mirror.registry_pull import ImagePuller, RegistryAuth
from windlass.mirror.source import Produced, Progress

# Raised when this module makes other bytes out of the same downloads.
_COMPOSITION = 1
_TIMEOUT = httpx.Timeout(30, connect=10)


@dataclass(frozen=True)
class OfficialSource:
    """Fetches artifacts from where their projects publish them, each checked by SHA-256.

    What `lock` knows must have the locked digest. What it does not know yet is trusted on first use: as the publisher's
    checksum file says, or unverified where there is none.
    """

    catalog: OfficialCatalog
    needed: tuple[Artifact, ...]
    downloads: Path
    """Keeps interrupted downloads, so that the next run continues them."""
    lock: Lock | None = None
    patience: Patience = field(default_factory=Patience)

    name = "official"
    workers = 4

    @cached_property
    def _problem(self) -> str | None:
        return unreachable_sites(self.catalog)

    def problem(self) -> str | None:
        """Say which of the publishers' sites cannot be used from here, None if all can; they are probed once."""
        return self._problem

    def artifacts(self) -> Sequence[Artifact]:
        """List what is needed and known to be published somewhere."""
        return tuple(artifact for artifact in self.needed if self.catalog.has(artifact))

    def recipe_hash(self, artifact: Artifact) -> str:
        """Hash where the artifact is published and what is made of it; the sites' addresses do not matter."""
        recipe = [_COMPOSITION, str(artifact), self.catalog.template(artifact)]
        return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()

    def produce(self, artifact: Artifact, into: Path, progress: Progress) -> Produced:
        """Fetch `artifact` into the directory `into`; IntegrityError if it is not what its publisher or lock says."""
        publication = self.catalog.publication(artifact)
        workspace = self.downloads / self.recipe_hash(artifact)[:16]
        workspace.mkdir(parents=True, exist_ok=True)
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=True, auth=RegistryAuth()) as client:
            fetching = _Fetching(
                artifact, Downloader(client, self.patience), workspace, into, progress, self._locked(artifact)
            )
            if isinstance(publication, ImagePublication):
                produced = fetching.image(publication)
            elif isinstance(publication, PackagesPublication):
                produced = fetching.packages(publication)
            else:
                produced = fetching.file(publication)
        shutil.rmtree(workspace)
        return produced

    def _locked(self, artifact: Artifact) -> str | None:
        known = self.lock.artifacts.get(artifact) if self.lock else None
        return known.digest.removeprefix("sha256:") if known else None


def official_source(lock: Lock | None = None) -> OfficialSource:
    """Make the source as include/mirror, WINDLASS_OFFICIAL_SITES and WINDLASS_CACHE say."""
    return OfficialSource(
        catalog=load_catalog(recipes_directory() / "official.yaml"),
        needed=needed_artifacts(),
        downloads=cache_directory() / "official" / "downloads",
        lock=lock,
    )


@dataclass(frozen=True)
class _Fetching:
    """One artifact on its way."""

    artifact: Artifact
    downloader: Downloader
    workspace: Path
    into: Path
    progress: Progress
    locked: str | None
    """The SHA-256 (64 hex digits) that the lock wants, None if it does not know the artifact."""

    def file(self, publication: FilePublication) -> Produced:
        expected = self.locked if publication.member is None and self.locked else self._published(publication)
        archive = self.workspace / PurePosixPath(publication.url).name
        self.progress.say(f"download {publication.url}")
        self.downloader.fetch(Download(publication.url, archive, expected), self.progress.advance)
        target = self.into / self.artifact.name
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
                f"{self.artifact}: {publication.suite} has {main.name} {main.version}; "
                "put that version in artifacts.yaml"
            )
        files = [self._package(package, publication) for package in chosen]
        target = self.into / self.artifact.name
        _bundle(files, target)
        self._check(target)
        return Produced(target, "publisher")

    def image(self, publication: ImagePublication) -> Produced:
        self.progress.say(f"pull {publication}")
        layout = Layout(self.workspace / "layout")
        digest = f"sha256:{self.locked}" if self.locked else None
        pulled = ImagePuller(self.downloader).pull(publication, layout, digest, self.progress.advance)
        target = self.into / "layout"
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
        expected = release_sha256(self.downloader.get(f"{suite}/InRelease").text, path, f"{suite}/InRelease")
        packed = self.workspace / "Packages.xz"
        self.downloader.fetch(Download(f"{suite}/{path}", packed, expected), self.progress.advance)
        return parse_index(lzma.decompress(packed.read_bytes()).decode("utf-8"))

    def _package(self, package: Package, publication: PackagesPublication) -> Path:
        target = self.workspace / package.file_name
        self.progress.say(f"download {package.file_name}")
        url = f"{publication.archive}/{package.path}"
        self.downloader.fetch(Download(url, target, package.sha256), self.progress.advance)
        return target

    def _check(self, made: Path) -> None:
        got = file_sha256(made)
        if self.locked not in {None, got}:
            made.unlink()
            raise IntegrityError(
                f"{self.artifact}: the lock of the source `official` wants SHA-256 {self.locked} but what is published "
                f"now gives {got}; nothing was kept. Find out why the publisher changed it before you change the lock"
            )


def _extract(archive: Path, member: str, target: Path, url: str) -> None:
    with tarfile.open(archive) as opened:
        names = {name.removeprefix("./"): name for name in opened.getnames()}
        stream = opened.extractfile(names[member]) if member in names else None
        if stream is None:
            raise WindlassError(f"{url}: the archive has no file `{member}`; correct `member` in official.yaml")
        with stream, target.open("wb") as output:
            shutil.copyfileobj(stream, output)


def _bundle(files: Sequence[Path], target: Path) -> None:
    """Write the files into a tar archive that is the same whenever and by whomever it is made."""
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as archive:
        for path in files:
            member = tarfile.TarInfo(path.name)
            member.size, member.mode = path.stat().st_size, 0o644
            with path.open("rb") as stream:
                archive.addfile(member, stream)
