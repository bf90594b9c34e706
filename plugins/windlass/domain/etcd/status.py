"""What etcd says of itself, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AlarmKind = Literal["NOSPACE", "CORRUPT", "unknown"]


@dataclass(frozen=True)
class ListedMember:
    """One member of an etcd cluster, as the cluster's own list has it."""

    member_id: int
    name: str
    """Empty until the member has started for the first time."""
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...] = ()
    is_learner: bool = False

    @property
    def has_started(self) -> bool:
        """Tell whether the member has ever joined."""
        return bool(self.name)


@dataclass(frozen=True)
class MemberStatus:
    """How one member sees itself and the cluster."""

    member_id: int
    cluster_id: int
    leader_id: int
    """Zero where the member knows no leader: it is cut off, or there is no quorum."""
    revision: int
    version: str
    raft_term: int
    raft_index: int
    raft_applied_index: int
    database_bytes: int
    database_bytes_in_use: int
    """The difference to `database_bytes` is what a defragmentation frees."""
    quota_bytes: int
    """Zero where the version (before 3.6) does not say."""
    is_learner: bool
    errors: tuple[str, ...]

    @property
    def is_leader(self) -> bool:
        """Tell whether this member leads."""
        return self.leader_id == self.member_id


@dataclass(frozen=True)
class Alarm:
    """An alarm that one member raised; NOSPACE stops writes of the whole cluster."""

    member_id: int
    kind: AlarmKind


@dataclass(frozen=True)
class KeyValue:
    """A key as it was read."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int


@dataclass(frozen=True)
class Snapshot:
    """What was written by a snapshot: a database file followed by its own SHA-256, which was checked."""

    size: int
    sha256: str
    """Hex digest of the whole file."""
    storage_version: str
    """Empty where the member's version (before 3.6) does not say."""


@dataclass(frozen=True)
class ContentHash:
    """A hash over all keys up to a revision; equal on all members at the same revision, or the data is corrupt."""

    value: int
    revision: int
    compact_revision: int
