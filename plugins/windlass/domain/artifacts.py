"""What hosts are made of: named artifacts, each a file or a container image, known by their SHA-256 digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from windlass.domain.bounded import shown
from windlass.errors import MALFORMED, IntegrityError

ArtifactKind = Literal["file", "image"]
FLAGS_FILE = "flags.json"
"""Beside the catalog.yaml of a release: which flags its components take, as the mirror has them."""


@dataclass(frozen=True, order=True)
class Artifact:
    """One thing a host needs, by name and version, whatever its source is.

    A `file` is one download (a binary or an archive); an `image` is pulled from the mirror's registry or the
    publisher's.
    """

    kind: ArtifactKind
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{self.version}"

    @classmethod
    def parse(cls, text: str) -> Artifact:
        """Read the form that `str` writes; ValueError if `text` is not of that form."""
        kind, name, version = text.split(":", 2)
        if kind == "file":
            return cls("file", name, version)
        if kind == "image":
            return cls("image", name, version)
        raise ValueError(f"`{text}` is no artifact: it starts with neither `file:` nor `image:`")


@dataclass(frozen=True)
class Locked:
    """What a lock knows of one artifact."""

    digest: str
    """`sha256:` and 64 hex digits: of the file's bytes, or of the image's manifest."""
    size: int
    """Bytes of the file; of an image, of all its blobs."""
    origin: str
    """Where the digest comes from: `publisher` (its checksum file) or `build` (our own)."""
    revision: str = ""
    """Version of the Debian package that the program was taken out of; empty if of none, or not known."""

    def document(self) -> dict[str, str | int]:
        """Return it as plain values; a lock from before revisions were told stays the same text."""
        document = asdict(self)
        return document if self.revision else {key: value for key, value in document.items() if key != "revision"}


@dataclass(frozen=True)
class Lock:
    """Which digest each artifact of one source must have."""

    source: str
    artifacts: Mapping[Artifact, Locked]

    def digest(self, artifact: Artifact) -> str:
        """Return the digest of `artifact`; IntegrityError if nobody has computed one."""
        locked = self.artifacts.get(artifact)
        if locked is None:
            raise IntegrityError(
                f"{artifact} is not in the lock of the source `{self.source}`, so nothing can be checked against it; "
                "run `windlass mirror` to fetch or build it, then `windlass mirror accept` with the mirror's URL"
            )
        return locked.digest


def lock_text(lock: Lock) -> str:
    """Write a lock as JSON; equal locks give equal texts."""
    artifacts = {str(artifact): locked.document() for artifact, locked in lock.artifacts.items()}
    return json.dumps({"source": lock.source, "artifacts": artifacts}, indent=1, sort_keys=True) + "\n"


def parse_lock(text: str) -> Lock:
    """Read a lock from its JSON; IntegrityError if it is something else."""
    try:
        document = json.loads(text)
        locked = {Artifact.parse(name): _locked(entry) for name, entry in document["artifacts"].items()}
        return Lock(_text(document["source"]), locked)
    except MALFORMED as error:
        told = f"the mirror's lock is not readable ({shown(error)}); run `windlass mirror` again"
        raise IntegrityError(told) from error


def _locked(entry: Mapping[str, Any]) -> Locked:
    """Read what a lock says of one artifact; one of `MALFORMED` if a value is of another kind."""
    locked = Locked(**entry)
    for value in (locked.digest, locked.origin, locked.revision):
        _text(value)
    if not isinstance(locked.size, int):
        raise TypeError("a size that is no number")
    return locked


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a value that is no text")
    return value
