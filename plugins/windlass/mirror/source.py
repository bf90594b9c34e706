"""What every source of artifacts can do; `official` and `modules` are two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from windlass.domain.artifacts import Artifact

Origin = Literal["publisher", "build", "unverified"]


class Progress(Protocol):
    """Where a source says how far it is with one artifact; may be called from any thread."""

    def say(self, what: str) -> None:
        """Show in a few words what is done now, for example ``go build ./cmd/etcd``."""

    def advance(self, done: int, total: int | None) -> None:
        """Show how many bytes of `total` are there; None if nobody said how many there will be."""


@dataclass(frozen=True)
class Produced:
    """What a source made of one artifact; the mirror moves it into its cache."""

    path: Path
    """The file itself; for an image, a directory that is an OCI image layout with exactly one manifest (or one index
    whose manifest list is to be kept as it is) in its index.json."""
    origin: Origin
    """`publisher` if the bytes were checked against the publisher's checksum, `build` if we built or composed them,
    `unverified` if nobody published a checksum."""
    revision: str = ""
    """Version of the Debian package that the program was taken out of; empty if of none."""


class Source(Protocol):
    """Makes artifacts, one at a time, in a directory it is given."""

    @property
    def name(self) -> str:
        """`official` or `modules`: the name in settings, locks and directories."""

    @property
    def workers(self) -> int:
        """How many artifacts may be in work at once."""

    def problem(self) -> str | None:
        """Say why this source cannot be used from here (probed once, a few seconds at most), None if it can."""

    def artifacts(self) -> Sequence[Artifact]:
        """List what this source can make, most urgent first."""

    def recipe_hash(self, artifact: Artifact) -> str:
        """Hash everything that decides the bytes of `artifact` (64 hex digits); fast, without network or processes."""

    def produce(self, artifact: Artifact, into: Path, progress: Progress) -> Produced:
        """Make `artifact` below `into`, an empty directory of its own; errors are WindlassErrors.

        May be called from several threads, each with another artifact; may be interrupted at any moment, after which
        `into` is thrown away.
        """
