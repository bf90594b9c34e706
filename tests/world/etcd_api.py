"""What etcd's members answer, in place of a channel to one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import grpc

from windlass.domain.etcd.status import ListedMember
from windlass.effects.etcd.stubs import rpc
from world.deaths import Boundaries
from world.etcd import DATA, QUOTA_BYTES, USED_BYTES, Cluster, Etcd
from world.machine import Machine

_PLACE = "etcd"
_KINDS = {1: "NOSPACE", 2: "CORRUPT"}


class EtcdError(grpc.RpcError):  # type: ignore[misc]  # gRPC has no types
    """What a call ends with that is not answered well."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        """Return the status code."""
        return self._code

    def details(self) -> str:
        """Return the reason."""
        return self._details


class EtcdChannel:
    """A channel to the member on one machine, with the stubs that etcd3's client has."""

    def __init__(self, etcd: Etcd, machine: Machine | None, boundaries: Boundaries) -> None:
        self._etcd, self._boundaries = etcd, boundaries
        self._found = machine
        self.kvstub = self._stub("Range", "DeleteRange", "Compact")
        self.clusterstub = self._stub("MemberList", "MemberAdd", "MemberRemove")
        self.maintenancestub = self._stub("Status", "MoveLeader", "Alarm", "Defragment", "HashKV", "Snapshot")
        self.channel = SimpleNamespace(unary_unary=lambda path, **_: self._method(path.rpartition("/")[2]))

    def close(self) -> None:
        """Close it."""

    def _stub(self, *names: str) -> SimpleNamespace:
        return SimpleNamespace(**{name: self._method(name) for name in names})

    def _method(self, name: str) -> Callable[..., Any]:
        act = getattr(self, name)

        def call(request: Any, _: float) -> Any:
            cluster = self._etcd.answers(self._found) if self._found else None
            if cluster is None:
                raise EtcdError(grpc.StatusCode.UNAVAILABLE, "connection refused")
            return act(cluster, request)

        return call

    @contextmanager
    def _change(self, cluster: Cluster) -> Iterator[None]:
        """Be around a change, which needs a quorum."""
        self._led(cluster)
        self._boundaries.cross(_PLACE)
        yield
        self._boundaries.cross(_PLACE)

    def _led(self, cluster: Cluster) -> None:
        if not self._etcd.leader(cluster):
            raise EtcdError(grpc.StatusCode.UNAVAILABLE, "etcdserver: no leader")

    @property
    def _machine(self) -> Machine:
        assert self._found is not None
        return self._found

    @property
    def _member(self) -> int:
        return self._machine.data[DATA].member

    # Keys

    def Range(self, cluster: Cluster, request: Any) -> Any:  # noqa: N802 - as etcd calls it, like all below
        """Give the keys from `key` up to `range_end`."""
        if not request.serializable:
            self._led(cluster)
        end = request.range_end or request.key + b"\0"
        found = [
            {"key": key, "value": value, "mod_revision": 1, "create_revision": 1, "version": 1}
            for key, value in self._etcd.keys(cluster)
            if request.key <= key and (end == b"\0" or key < end)
        ]
        kept = [] if request.count_only else found
        return rpc.RangeResponse(header={"revision": cluster.revision}, kvs=kept, count=len(found))

    def DeleteRange(self, cluster: Cluster, request: Any) -> Any:  # noqa: N802
        """Delete one key."""
        names = [key for key in cluster.objects if _key_of(key) == request.key.decode()]
        with self._change(cluster):
            for name in names:
                del cluster.objects[name]
            cluster.revision += 1
        return rpc.DeleteRangeResponse(deleted=len(names))

    def Compact(self, cluster: Cluster, _: Any) -> Any:  # noqa: N802
        """Forget what was before."""
        with self._change(cluster):
            pass
        return rpc.CompactionResponse()

    # Members

    def MemberList(self, cluster: Cluster, request: Any) -> Any:  # noqa: N802
        """List the members."""
        if cluster.members[self._member].is_learner:
            raise EtcdError(grpc.StatusCode.UNAVAILABLE, "etcdserver: rpc not supported for learner")
        if request.linearizable:
            self._led(cluster)
        return rpc.MemberListResponse(members=[_described(one) for one in cluster.members.values()])

    def MemberAdd(self, cluster: Cluster, request: Any) -> Any:  # noqa: N802
        """Add a learner."""
        added = ListedMember(1 + max(cluster.members), "", tuple(request.peerURLs), is_learner=request.isLearner)
        with self._change(cluster):
            cluster.members[added.member_id] = added
            assert self._etcd.leader(cluster), "quorum was lost"
        return rpc.MemberAddResponse(member=_described(added))

    def MemberRemove(self, cluster: Cluster, request: Any) -> Any:  # noqa: N802
        """Remove a member."""
        if request.ID not in cluster.members:
            raise EtcdError(grpc.StatusCode.NOT_FOUND, "etcdserver: member not found")
        with self._change(cluster):
            del cluster.members[request.ID]
            assert self._etcd.leader(cluster), "quorum was lost"
        return rpc.MemberRemoveResponse()

    def MemberPromote(self, cluster: Cluster, request: Any) -> Any:  # noqa: N802
        """Give a learner its vote."""
        with self._change(cluster):
            cluster.members[request.ID] = replace(cluster.members[request.ID], is_learner=False)
        return rpc.MemberPromoteResponse()

    # Maintenance

    def Status(self, cluster: Cluster, _: Any) -> Any:  # noqa: N802
        """Say how the member is."""
        return rpc.StatusResponse(
            header={"cluster_id": cluster.id, "member_id": self._member, "revision": cluster.revision},
            version=self._machine.version("etcd").removeprefix("v"),
            leader=self._etcd.leader(cluster),
            raftIndex=cluster.revision,
            raftAppliedIndex=cluster.revision,
            raftTerm=2,
            dbSize=self._machine.data[DATA].size,
            dbSizeInUse=USED_BYTES,
            dbSizeQuota=QUOTA_BYTES,
            isLearner=cluster.members[self._member].is_learner,
            errors=[f"memberID:{member} alarm:{_KINDS[kind]}" for member, kind in sorted(cluster.alarms)],
        )

    def MoveLeader(self, cluster: Cluster, request: Any) -> Any:  # noqa: N802
        """Have another member lead."""
        with self._change(cluster):
            cluster.chosen = request.targetID
        return rpc.MoveLeaderResponse()

    def Alarm(self, cluster: Cluster, request: Any) -> Any:  # noqa: N802
        """List the alarms, or end one."""
        if request.action == rpc.AlarmRequest.DEACTIVATE:
            with self._change(cluster):
                cluster.alarms.discard((request.memberID, request.alarm))
        return rpc.AlarmResponse(alarms=[{"memberID": one, "alarm": kind} for one, kind in sorted(cluster.alarms)])

    def Defragment(self, cluster: Cluster, _: Any) -> Any:  # noqa: N802
        """Give the room back that is not used."""
        with self._change(cluster):
            self._machine.data[DATA] = replace(self._machine.data[DATA], size=USED_BYTES)
        return rpc.DefragmentResponse()

    def HashKV(self, cluster: Cluster, _: Any) -> Any:  # noqa: N802
        """Give a hash."""
        return rpc.HashKVResponse(hash=1, hash_revision=cluster.revision)

    def Snapshot(self, cluster: Cluster, _: Any) -> Iterator[Any]:  # noqa: N802
        """Give the database, in two pieces."""
        whole = self._etcd.snapshot(cluster)
        for piece in (whole[: len(whole) // 2], whole[len(whole) // 2 :]):
            self._boundaries.cross(_PLACE)
            yield rpc.SnapshotResponse(blob=piece, version="3.6")


def _described(member: ListedMember) -> Any:
    return rpc.Member(
        ID=member.member_id, name=member.name, peerURLs=member.peer_urls, clientURLs=member.client_urls,
        isLearner=member.is_learner,
    )  # fmt: skip


def _key_of(key: tuple[str, str, str]) -> str:
    return f"/registry/{'/'.join(key)}".replace("//", "/")
