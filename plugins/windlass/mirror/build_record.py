"""Remembers what the mirror holds: one stamp for each artifact, written after the artifact is in its place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from windlass.domain.artifacts import Artifact, Lock, Locked, lock_text, own_directory
from windlass.errors import MALFORMED
from windlass.mirror.layers import file_digest

State = Literal["cached", "outdated", "damaged", "missing"]


@dataclass(frozen=True)
class RecordedFile:
    """A file as it was when its digest was computed."""

    path: str
    """Below the source's directory."""
    digest: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class BuildRecord:
    """What was produced for one artifact, from which recipe."""

    artifact: Artifact
    recipe: str
    locked: Locked
    files: tuple[RecordedFile, ...]


class SourceCache:
    """The directory of one source: its files, its registry's storage, its stamps and its lock."""

    def __init__(self, directory: Path, source: str) -> None:
        self.directory = directory
        self.source = source

    @property
    def registry(self) -> Path:
        """Where the registry keeps images."""
        return self.directory / "registry"

    def file(self, artifact: Artifact) -> Path:
        """Where the file of `artifact` is, or will be."""
        directory = self.directory / "files" / artifact.name / artifact.version
        return directory / own_directory(artifact) / artifact.name

    def blob(self, digest: str) -> Path:
        """Where the registry keeps the bytes with this digest."""
        hexadecimal = digest.removeprefix("sha256:")
        return self.registry / "docker/registry/v2/blobs/sha256" / hexadecimal[:2] / hexadecimal / "data"

    def tag(self, artifact: Artifact) -> Path:
        """Where the registry keeps which manifest an image's version stands for."""
        repository = self.registry / "docker/registry/v2/repositories/windlass" / artifact.name
        return repository / "_manifests/tags" / artifact.version / "current/link"

    def record(self, artifact: Artifact) -> BuildRecord | None:
        """Read the stamp of `artifact`; None if there is none that can be read."""
        try:
            return _from_json(artifact, json.loads(self._record_path(artifact).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def describe(self, path: Path) -> RecordedFile:
        """Hash a file below this directory."""
        status = path.stat()
        return RecordedFile(
            str(path.relative_to(self.directory)), file_digest(path), status.st_size, status.st_mtime_ns
        )

    def write(self, record: BuildRecord) -> None:
        """Keep `stamp`, all of it or nothing."""
        replace(self._record_path(record.artifact), json.dumps(_to_json(record), indent=1, sort_keys=True))

    def forget(self, artifact: Artifact) -> None:
        """Drop the stamp of `artifact`, so that it is made again."""
        self._record_path(artifact).unlink(missing_ok=True)

    def state(self, artifact: Artifact, recipe: str) -> State:
        """Say whether `artifact` is there as its recipe wants it; size and time of the files decide."""
        record = self.record(artifact)
        if record is None:
            return "missing"
        if not all(self._is_untouched(file) for file in record.files):
            return "damaged"
        if artifact.kind == "image" and not self._is_tagged(artifact, record.locked.digest):
            return "damaged"
        return "cached" if record.recipe == recipe else "outdated"

    def damaged(self, artifact: Artifact) -> tuple[Path, ...]:
        """Hash every file of `artifact`; return those that are not what was produced."""
        record = self.record(artifact)
        if record is None:
            return ()
        paths = [(self.directory / file.path, file.digest) for file in record.files]
        return tuple(path for path, digest in paths if not path.exists() or file_digest(path) != digest)

    def lock(self) -> Lock:
        """Gather the lock of this source from all stamps."""
        records = (_read(path) for path in sorted((self.directory / "stamps").glob("*.json")))
        return Lock(self.source, {record.artifact: record.locked for record in records if record is not None})

    def _is_untouched(self, file: RecordedFile) -> bool:
        try:
            status = (self.directory / file.path).stat()
        except FileNotFoundError:
            return False
        return (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns)

    def _is_tagged(self, artifact: Artifact, digest: str) -> bool:
        try:
            return self.tag(artifact).read_text(encoding="utf-8").strip() == digest
        except FileNotFoundError:
            return False

    def _record_path(self, artifact: Artifact) -> Path:
        return self.directory / "stamps" / f"{str(artifact).replace(':', '-')}.json"


def write_lock(lock: Lock, path: Path) -> None:
    """Write a lock as JSON, all of it or nothing."""
    replace(path, lock_text(lock))


def replace(path: Path, text: str) -> None:
    """Write a file so that a reader, or a power cut, sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def _read(path: Path) -> BuildRecord | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _from_json(Artifact.parse(document["artifact"]), document)
    except MALFORMED:
        return None


def _to_json(record: BuildRecord) -> Mapping[str, Any]:
    return {
        "artifact": str(record.artifact),
        "recipe": record.recipe,
        "locked": {key: value for key, value in asdict(record.locked).items() if value or key != "manifests"},
        "files": [asdict(file) for file in record.files],
    }


def _from_json(artifact: Artifact, document: Mapping[str, Any]) -> BuildRecord:
    files = tuple(RecordedFile(**file) for file in document["files"])
    return BuildRecord(artifact, document["recipe"], Locked(**document["locked"]), files)
