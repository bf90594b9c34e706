"""What etcd says of itself, as values, and the one judgement of a member: healthy, unhealthy, unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

AlarmKind = Literal["NOSPACE", "CORRUPT", "unknown"]
MemberHealth = Literal["healthy", "unhealthy", "unknown"]
Process = Literal["running", "stopped", "absent", "unknown"]

# A member's status lists every alarm of the cluster, whoever raised it, as the text form of the protobuf message, and
# "etcdserver: no leader" beside its leader 0. How many spaces that text form has is random on purpose in Go's newer
# library. https://github.com/etcd-io/etcd/blob/v3.6.0/server/etcdserver/api/v3rpc/maintenance.go (Status),
# https://protobuf.dev/reference/go/faq/#unstable-text
_ALARM = re.compile(r"\s*memberID:\s*(\d+)\s+alarm:\s*(\w+)\s*")
_NO_LEADER = "etcdserver: no leader"


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
class Alarm:
    """An alarm that one member raised; NOSPACE stops writes of the whole cluster."""

    member_id: int
    kind: AlarmKind

    def __str__(self) -> str:
        return f"{self.kind} of member {self.member_id:x}"


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

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms of all members, as this one knows them."""
        found = (_ALARM.fullmatch(error) for error in self.errors)
        return tuple(Alarm(int(one[1]), _alarm_kind(one[2])) for one in found if one is not None)

    @property
    def is_corrupt(self) -> bool:
        """Tell whether the member's own data is known to differ from the others'."""
        return Alarm(self.member_id, "CORRUPT") in self.alarms

    @property
    def unread_errors(self) -> tuple[str, ...]:
        """Return what it complains of that is neither an alarm nor the lack of a leader."""
        return tuple(one for one in self.errors if one != _NO_LEADER and _ALARM.fullmatch(one) is None)


def _alarm_kind(word: str) -> AlarmKind:
    return "NOSPACE" if word == "NOSPACE" else "CORRUPT" if word == "CORRUPT" else "unknown"


@dataclass(frozen=True)
class ObservedMember:
    """What was observed of the member at one peer address."""

    process: Process
    """As its host says; unknown where the host did not answer, or is none of the spec's."""
    status: MemberStatus | None = None
    """What the member says of itself; None where it gave no answer."""
    listed: tuple[ListedMember, ...] = ()
    """The members that it knows; empty where it gave no answer."""
    has_data: bool | None = None
    """Whether its data directory holds a log; None where nobody could tell."""
    free_bytes: int | None = None
    """Room on the disk of its data directory; None where nobody could tell."""
    asked_from: frozenset[str] = field(default_factory=frozenset)
    """Hosts that asked it over the network and got no answer."""
    reason: str = ""
    """Why there is no answer."""

    @property
    def has_leader(self) -> bool:
        """Say whether the member answers and follows a leader, or leads."""
        return self.status is not None and self.status.leader_id != 0


def member_health(
    observed: ObservedMember, member_id: int | None = None, cluster_id: int | None = None, *, has_host: bool = True
) -> MemberHealth:
    """Judge one member by what was observed at its address; whoever asks how a member is asks this function.

    - healthy: it answers as the member `member_id` of the cluster `cluster_id` (each None where that is not known),
      leads or follows a leader, and raised no alarm that its data is corrupt. One without space serves all the same.
    - unhealthy: that it does not do its part is known. It answers otherwise than that; or it does not answer, and its
      own host, which does, was asked too; or no host of the spec has it (`has_host`), and members asked it.
    - unknown: all else, above all a member that could not be asked. It never counts towards quorum, and is not dead.
    """
    status = observed.status
    if status is None:
        was_asked = observed.process != "unknown" or (observed.asked_from and not has_host)
        return "unhealthy" if was_asked else "unknown"
    is_another = status.member_id != (member_id or status.member_id)
    is_elsewhere = status.cluster_id != (cluster_id or status.cluster_id)
    if is_another or is_elsewhere or status.leader_id == 0 or status.is_corrupt:
        return "unhealthy"
    return "unknown" if status.unread_errors else "healthy"


def status_health(status: MemberStatus) -> MemberHealth:
    """Judge a member by its answer alone, where it is known to be the one that was asked."""
    return member_health(ObservedMember("running", status))


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
