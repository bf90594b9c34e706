"""What hosts are made of: named artifacts, each a file or a container image, known by their SHA-256 digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from windlass.domain.architectures import AMD64
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
    architecture: str = AMD64
    """Of a file: whose processors it is for. An image is one artifact for all that its mirror has, and keeps this."""

    def __str__(self) -> str:
        plain = f"{self.kind}:{self.name}:{self.version}"
        return plain if self.architecture == AMD64 else f"{plain}@{self.architecture}"

    def on(self, architecture: str) -> Artifact:
        """Return what hosts of `architecture` take in its place: a file of their own, of an image the same."""
        return self if self.kind == "image" else replace(self, architecture=architecture)

    @classmethod
    def parse(cls, text: str) -> Artifact:
        """Read the form that `str` writes; ValueError if `text` is not of that form."""
        kind, name, version = text.split(":", 2)
        if kind == "file":
            plain, at, architecture = version.partition("@")
            if at and architecture in {"", AMD64}:
                raise ValueError(f"`{text}` is no artifact: what is for {AMD64} has its name without `@`")
            return cls("file", name, plain, architecture or AMD64)
        if kind == "image":
            return cls("image", name, version)
        raise ValueError(f"`{text}` is no artifact: it starts with neither `file:` nor `image:`")


def own_directory(artifact: Artifact) -> str:
    """Return the directory of a file below that of its version in a mirror: empty for amd64, which came first."""
    return "" if artifact.architecture == AMD64 else artifact.architecture


@dataclass(frozen=True)
class Locked:
    """What a lock knows of one artifact."""

    digest: str
    """`sha256:` and 64 hex digits: of the file's bytes, or of the image's manifest, or index of several."""
    size: int
    """Bytes of the file; of an image, of all its blobs."""
    origin: str
    """Where the digest comes from: `publisher` (its checksum file) or `build` (our own)."""
    revision: str = ""
    """Version of the Debian package that the program was taken out of; empty if of none, or not known."""
    manifests: Mapping[str, str] = field(default_factory=dict)
    """Of an image for others than amd64 alone: the digest of each architecture's manifest."""

    def document(self) -> dict[str, Any]:
        """Return it as plain values; a lock from before revisions and architectures were told stays the same text."""
        return {key: value for key, value in asdict(self).items() if value or key not in {"revision", "manifests"}}

    def digest_on(self, architecture: str) -> str | None:
        """Return the digest of what a host of `architecture` gets of an image; None if it has nothing for such a host.

        One that says nothing of architectures is for amd64, as all were once.
        """
        if self.manifests:
            return self.manifests.get(architecture)
        return self.digest if architecture == AMD64 else None


@dataclass(frozen=True)
class Lock:
    """Which digest each artifact of one source must have."""

    source: str
    artifacts: Mapping[Artifact, Locked]

    def digest(self, artifact: Artifact) -> str:
        """Return the digest of `artifact`; IntegrityError if nobody has computed one."""
        locked = self.artifacts.get(artifact)
        if locked is None:
            asked = "" if artifact.architecture == AMD64 else f" --arch {artifact.architecture}"
            raise IntegrityError(
                f"{artifact} is not in the lock of the source `{self.source}`, so nothing can be checked against it; "
                f"run `windlass mirror{asked}` to fetch or build it (with `--only {artifact.name}` if it is optional), "
                "then `windlass mirror accept` with the mirror's URL"
            )
        return locked.digest

    def has(self, artifact: Artifact, architecture: str) -> bool:
        """Tell whether hosts of `architecture` can have `artifact`, whose file for them is an artifact of its own."""
        locked = self.artifacts.get(artifact.on(architecture))
        return locked is not None and (artifact.kind == "file" or locked.digest_on(architecture) is not None)


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
    if not isinstance(locked.manifests, dict):
        raise TypeError("manifests that are no map")
    for value in (locked.digest, locked.origin, locked.revision, *locked.manifests.values()):
        _text(value)
    if not isinstance(locked.size, int):
        raise TypeError("a size that is no number")
    return locked


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a value that is no text")
    return value
