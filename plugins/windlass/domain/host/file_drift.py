"""What files of a host should be, what they were observed to be, and how the two differ: the one comparison of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

ROOT = "root:root"
"""Who owns the files of a cluster, for whoever writes them and whoever compares them.

All that reads them runs as root: kubelet and containerd as units, and the containers of stacks, which name no other
user. Those have no capabilities (`cap_drop: [ALL]`, so no CAP_DAC_OVERRIDE): a key of mode 0600 that is somebody else's
is one that they cannot read.
"""


class FileToWrite(Protocol):
    """A file with the content that it is to have; what renders, issues or writes files has its own type of it."""

    @property
    def content(self) -> bytes:
        """All that is to be in it."""
        ...

    @property
    def mode(self) -> int:
        """Its permissions, without the type of file."""
        ...

    @property
    def owner(self) -> str:
        """`user:group`, by names or by numbers."""
        ...


@dataclass(frozen=True)
class ToBeIssued:
    """Content that is not known yet, of a certificate or its key: what lies on a host now is not fit any more."""

    leaf: str
    """What it must be fit for, as the PKI names it: `HOST/PURPOSE`."""


@dataclass(frozen=True)
class DesiredFile:
    """A file as it should be."""

    content: str | ToBeIssued
    """The SHA-256 of its content in hexadecimal digits, or what it is to be issued for."""
    mode: int = 0o644
    owner: str = ROOT
    is_shared: bool = False
    """Whether it is the host's owner's too: who has it, and whom less is let, are then as they are."""


@dataclass(frozen=True)
class FileState:
    """A regular file as it is on a host; `owner` by names, `owner_ids` by numbers, both as ``user:group``."""

    sha256: str
    mode: int
    owner: str
    owner_ids: str


@dataclass(frozen=True)
class Absent:
    """The host says that there is nothing at this path."""


@dataclass(frozen=True)
class OtherKind:
    """There is something at this path that is no regular file."""

    kind: str
    """What it is, such as `directory`."""


@dataclass(frozen=True)
class Unknown:
    """Nobody could tell what is at this path: it is neither as desired nor known to differ."""

    why: str = "the host did not tell"


ObservedFile = FileState | Absent | OtherKind | Unknown


@dataclass(frozen=True)
class FileDrift:
    """How one file differs from what is desired of it, or that this could not be told."""

    path: str
    content: str = ""
    """How its content differs, in words that follow the path; empty if it is as desired."""
    access: tuple[str, ...] = ()
    """How mode and owner differ, in words."""

    @property
    def is_access_only(self) -> bool:
        """Whether whoever has read the file has read what is desired: nothing need be restarted to put it right."""
        return not self.content

    def __str__(self) -> str:
        access = ", ".join(self.access)
        if self.is_access_only:
            return f"{self.path}: {access}"
        return f"{self.path} {self.content}{', ' if access else ''}{access}"


def desired_file(file: FileToWrite) -> DesiredFile:
    """Return the state that a file has once it is written."""
    return DesiredFile(hashlib.sha256(file.content).hexdigest(), file.mode, file.owner)


def desired_files(files: Mapping[str, FileToWrite]) -> dict[str, DesiredFile]:
    """Return by path the states that files have once they are written."""
    return {path: desired_file(file) for path, file in files.items()}


def find_file_drift(desired: Mapping[str, DesiredFile], observed: Mapping[str, ObservedFile]) -> tuple[FileDrift, ...]:
    """Return how files differ, in the order of `desired`; empty only if each is known to be as desired.

    A path that `observed` does not tell of is unknown, not absent.
    """
    compared = (_compare(path, file, observed.get(path, Unknown())) for path, file in desired.items())
    return tuple(one for one in compared if one.content or one.access)


def _compare(path: str, desired: DesiredFile, observed: ObservedFile) -> FileDrift:
    match observed:
        case Absent():
            return FileDrift(path, "is lost")
        case OtherKind(kind):
            return FileDrift(path, f"is a {kind}")
        case Unknown(why):
            return FileDrift(path, f"could not be looked at ({why})")
        case FileState():
            return FileDrift(path, _content(desired, observed), tuple(_access(desired, observed)))


def _content(desired: DesiredFile, observed: FileState) -> str:
    if isinstance(desired.content, ToBeIssued):
        return "is due for renewal"
    return "" if observed.sha256 == desired.content else "is another"


def _access(desired: DesiredFile, observed: FileState) -> Iterator[str]:
    mode = observed.mode & desired.mode if desired.is_shared else desired.mode
    if observed.mode != mode:
        yield f"mode {observed.mode:04o} -> {mode:04o}"
    if not desired.is_shared and desired.owner not in {observed.owner, observed.owner_ids}:
        yield _ownership(desired.owner, observed)


def _ownership(desired: str, observed: FileState) -> str:
    """Say which of user and group differ; a user whom the host has no name for is told by number."""
    is_named = not desired.replace(":", "").isdigit() and "UNKNOWN" not in observed.owner.split(":")
    has, wants = (observed.owner if is_named else observed.owner_ids).split(":"), desired.split(":")
    if has[0] == wants[0]:
        return f"group {has[1]} -> {wants[1]}"
    if has[1] == wants[1]:
        return f"owner {has[0]} -> {wants[0]}"
    return f"owner {':'.join(has)} -> {desired}"
