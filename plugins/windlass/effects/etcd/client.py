"""A client of one etcd member: what it knows, what it can be asked to do; each call has a deadline."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, BinaryIO, Self

import grpc

from windlass.domain.addresses import in_url
from windlass.domain.etcd.status import Alarm, AlarmKind, ContentHash, ListedMember, MemberStatus, Snapshot
from windlass.domain.host.layout import ETCD_CLIENT_PORT
from windlass.domain.pki import ETCD_CLIENT, Credential, Pki, Signer, trust_bundle
from windlass.effects.etcd.failures import code_of, translated
from windlass.effects.etcd.keyspace import Keyspace
from windlass.effects.etcd.stubs import Etcd3Client, rpc
from windlass.errors import IntegrityError

DEADLINE = timedelta(seconds=5)
LONG_DEADLINE = timedelta(minutes=10)
"""For what grows with the database: snapshot, defragmentation, hash."""
SNAPSHOT_PACE = 64 * 1024 * 1024
"""Bytes a second that a snapshot is taken at: as fast as it goes, it would slow down writes to the API."""
LARGEST_SNAPSHOT = 32 * 1024 * 1024 * 1024
"""Bytes, twice the largest quota that a spec may give etcd: its database may be larger than its quota for a while."""
_PAUSE_SECONDS = 0.005
_DIGEST_BYTES = 32
_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_http_proxy", 0),  # a tunnel's end on 127.0.0.1 is nothing for a proxy
)


@dataclass(frozen=True)
class EtcdTarget:
    """One member: the host it is on (for messages), and where it is reached, such as the end of a tunnel.

    `server_name` is the name to find in its certificate if that does not have the address itself.
    """

    host: str
    address: str = "127.0.0.1"
    port: int = ETCD_CLIENT_PORT
    server_name: str | None = None


@dataclass(frozen=True)
class EtcdCredentials:
    """Who asks (a client certificate and its key), and whose servers are trusted (PEM)."""

    authority: str
    client: Credential

    @classmethod
    def of(cls, pki: Pki) -> EtcdCredentials:
        """Return Windlass's own credentials for a cluster's etcd."""
        return cls(trust_bundle(pki, Signer.ETCD), pki.leaves[ETCD_CLIENT])


class _Channel(Etcd3Client):  # type: ignore[misc]  # etcd3 has no types
    """etcd3's client with TLS from memory: a private key is not written to a file to be read again."""

    def __init__(self, target: EtcdTarget, credentials: EtcdCredentials, deadline: timedelta) -> None:
        self._tls = credentials
        options = [*_OPTIONS]
        if target.server_name is not None:
            options.append(("grpc.ssl_target_name_override", target.server_name))
        super().__init__(
            in_url(target.address),
            target.port,
            ca_cert="memory",
            timeout=deadline.total_seconds(),
            grpc_options=options,
        )

    def _get_secure_creds(self, *_: object) -> grpc.ChannelCredentials:
        client = self._tls.client
        return grpc.ssl_channel_credentials(
            self._tls.authority.encode(), client.key.reveal_bytes(), client.certificate.encode()
        )


class EtcdClient:
    """A connection to one member; close it, or use it in `with`.

    Raises UnreachableError (no connection, or no answer in time: what was asked may have happened), NotReadyError (no
    leader, a learner not in sync), RefusedError and IntegrityError, each with the host's name.
    `open_channel` gives what the calls go through in place of gRPC over TLS, for tests. `guard` is called before each
    change, and may raise what forbids it.
    """

    def __init__(
        self,
        target: EtcdTarget,
        credentials: EtcdCredentials,
        deadline: timedelta = DEADLINE,
        open_channel: Callable[[EtcdTarget, EtcdCredentials, timedelta], Any] | None = None,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        self._target = target
        self._deadline = deadline.total_seconds()
        self._guard = guard
        self._etcd = (open_channel or _Channel)(target, credentials, deadline)
        self.keys = Keyspace(self._etcd.kvstub, target.host, deadline, guard)
        """The keys and values."""

    def members(self, *, linearizable: bool = True) -> tuple[ListedMember, ...]:
        """Return the cluster's members, sorted by id; without `linearizable` as this one has them, quorum or not."""
        request = rpc.MemberListRequest(linearizable=linearizable)
        response = self._call("listing members", self._etcd.clusterstub.MemberList, request)
        return tuple(sorted((_member(item) for item in response.members), key=lambda member: member.member_id))

    def add_learner(self, peer_urls: Sequence[str]) -> ListedMember:
        """Add a member that receives the data but has no vote yet."""
        self._guard()
        request = rpc.MemberAddRequest(peerURLs=peer_urls, isLearner=True)
        response = self._call(f"adding a learner at {peer_urls[0]}", self._etcd.clusterstub.MemberAdd, request)
        return _member(response.member)

    def promote(self, member_id: int) -> None:
        """Give a learner its vote; NotReadyError while it is not in sync with the leader."""
        self._guard()
        promote = self._etcd.channel.unary_unary(
            "/etcdserverpb.Cluster/MemberPromote",
            request_serializer=rpc.MemberPromoteRequest.SerializeToString,
            response_deserializer=rpc.MemberPromoteResponse.FromString,
        )
        self._call(f"promoting the learner {member_id:x}", promote, rpc.MemberPromoteRequest(ID=member_id))

    def remove(self, member_id: int) -> bool:
        """Remove a member; False if there is none of that id (any more). Whether it may go is the caller's rule."""
        self._guard()
        request = rpc.MemberRemoveRequest(ID=member_id)
        with self._translated(f"removing the member {member_id:x}"):
            try:
                self._etcd.clusterstub.MemberRemove(request, self._deadline)
            except grpc.RpcError as error:
                if code_of(error) is grpc.StatusCode.NOT_FOUND:
                    return False
                raise
        return True

    def status(self) -> MemberStatus:
        """Return how the member sees itself and the cluster; it answers without quorum too."""
        return _status(self._call("asking for its status", self._etcd.maintenancestub.Status, rpc.StatusRequest()))

    def move_leader(self, member_id: int) -> None:
        """Hand the lead to another voting member; only the leader can."""
        self._guard()
        request = rpc.MoveLeaderRequest(targetID=member_id)
        self._call(f"moving the lead to {member_id:x}", self._etcd.maintenancestub.MoveLeader, request)

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms of all members."""
        request = rpc.AlarmRequest(action=rpc.AlarmRequest.GET)
        response = self._call("reading alarms", self._etcd.maintenancestub.Alarm, request)
        return tuple(Alarm(item.memberID, _alarm_kind(item.alarm)) for item in response.alarms)

    def disarm(self, alarm: Alarm) -> None:
        """Clear an alarm whose cause is gone."""
        self._guard()
        kind = {"NOSPACE": rpc.NOSPACE, "CORRUPT": 2}[alarm.kind]
        request = rpc.AlarmRequest(action=rpc.AlarmRequest.DEACTIVATE, memberID=alarm.member_id, alarm=kind)
        self._call(f"clearing the alarm {alarm.kind}", self._etcd.maintenancestub.Alarm, request)

    def defragment(self, deadline: timedelta = LONG_DEADLINE) -> None:
        """Give free pages of this member's database back to the file system; it answers nobody meanwhile."""
        self._guard()
        defragment = self._etcd.maintenancestub.Defragment
        self._call("defragmenting", defragment, rpc.DefragmentRequest(), deadline)

    def content_hash(self, revision: int = 0, deadline: timedelta = LONG_DEADLINE) -> ContentHash:
        """Return the hash of all keys up to `revision` (0: the newest), to compare members with one another."""
        request = rpc.HashKVRequest(revision=revision)
        response = self._call("hashing", self._etcd.maintenancestub.HashKV, request, deadline)
        # Before 3.6 the answer does not say which revision was hashed: https://github.com/etcd-io/etcd/pull/14537
        hashed = response.hash_revision or revision or response.header.revision
        return ContentHash(response.hash, hashed, response.compact_revision)

    def snapshot(self, target: BinaryIO, deadline: timedelta = LONG_DEADLINE, most: int = LARGEST_SNAPSHOT) -> Snapshot:
        """Write a snapshot of this member's database to `target`, with flat memory.

        IntegrityError if the sum that etcd sends at the end is not that of what came before, or as soon as more than
        `most` bytes come.
        """
        copy, begun = _SnapshotCopy(target), time.monotonic()
        storage_version = ""
        with self._translated("taking a snapshot"):
            for response in self._etcd.maintenancestub.Snapshot(rpc.SnapshotRequest(), deadline.total_seconds()):
                if copy.size + len(response.blob) > most:
                    raise IntegrityError(
                        f"{self._target.host}: etcd: its snapshot has more than {most} bytes, which is more than it "
                        "said before; look at that member, and replace it if it happens again"
                    )
                copy.add(response.blob)
                storage_version = response.version or storage_version
                if (ahead := copy.size / SNAPSHOT_PACE - (time.monotonic() - begun)) > _PAUSE_SECONDS:
                    time.sleep(ahead)
        return copy.finish(self._target.host, storage_version)

    def close(self) -> None:
        """Close the connection."""
        self._etcd.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, doing: str, method: Callable[..., Any], request: Any, deadline: timedelta | None = None) -> Any:
        with self._translated(doing):
            return method(request, deadline.total_seconds() if deadline else self._deadline)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        with translated(self._target.host, doing):
            yield


class _SnapshotCopy:
    """Copies a snapshot, and holds back its last 32 bytes: the sum that etcd put there of all that came before."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self.size = 0
        self._tail = b""
        self._content = hashlib.sha256()

    def add(self, blob: bytes) -> None:
        self._target.write(blob)
        self.size += len(blob)
        pending = self._tail + blob
        self._content.update(pending[:-_DIGEST_BYTES])
        self._tail = pending[-_DIGEST_BYTES:]

    def finish(self, host: str, storage_version: str) -> Snapshot:
        if self._tail != self._content.digest():
            raise IntegrityError(
                f"{host}: etcd: the snapshot of {self.size} bytes is not what its own sum says; take another, "
                "and if that fails too, check the disk and compare the members' hashes"
            )
        self._content.update(self._tail)
        return Snapshot(self.size, self._content.hexdigest(), storage_version)


def _member(item: Any) -> ListedMember:
    return ListedMember(item.ID, item.name, tuple(item.peerURLs), tuple(item.clientURLs), item.isLearner)


def _alarm_kind(number: int) -> AlarmKind:
    kinds: dict[int, AlarmKind] = {1: "NOSPACE", 2: "CORRUPT"}
    return kinds.get(number, "unknown")


def _status(response: Any) -> MemberStatus:
    return MemberStatus(
        member_id=response.header.member_id,
        cluster_id=response.header.cluster_id,
        leader_id=response.leader,
        revision=response.header.revision,
        version=response.version,
        raft_term=response.raftTerm,
        raft_index=response.raftIndex,
        raft_applied_index=response.raftAppliedIndex,
        database_bytes=response.dbSize,
        database_bytes_in_use=response.dbSizeInUse,
        quota_bytes=response.dbSizeQuota,
        is_learner=response.isLearner,
        errors=tuple(response.errors),
    )
