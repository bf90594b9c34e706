from __future__ import annotations

import hashlib
import io
import os

import grpc
import pytest
from google.protobuf import descriptor_pool
from hypothesis import given
from hypothesis import strategies as st

from windlass.effects.etcd.client import _SnapshotCopy
from windlass.effects.etcd.failures import translated
from windlass.effects.etcd.keyspace import _after_prefix
from windlass.effects.etcd.stubs import rpc
from windlass.errors import IntegrityError, NotReadyError, RefusedError, UnreachableError, WindlassError


@given(content=st.binary(max_size=200), sizes=st.lists(st.integers(0, 50), max_size=20))
def test_a_snapshot_in_any_pieces_is_copied_and_checked(content: bytes, sizes: list[int]) -> None:
    sent = content + hashlib.sha256(content).digest()
    target = io.BytesIO()
    copy = _SnapshotCopy(target)
    position = 0
    for size in [*sizes, len(sent)]:
        copy.add(sent[position : position + size])
        position += size
    snapshot = copy.finish("cp-1", "3.7.0")
    assert target.getvalue() == sent
    assert (snapshot.size, snapshot.sha256) == (len(sent), hashlib.sha256(sent).hexdigest())


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 40, 99])
def test_a_snapshot_that_ends_early_is_damaged(cut: int) -> None:
    content = os.urandom(100)
    copy = _SnapshotCopy(io.BytesIO())
    copy.add((content + hashlib.sha256(content).digest())[:cut])
    with pytest.raises(IntegrityError, match="cp-1: etcd: the snapshot of"):
        copy.finish("cp-1", "")


class Answer(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(grpc.StatusCode.UNAVAILABLE, "etcdserver: no leader"), NotReadyError),
        (Answer(grpc.StatusCode.UNAVAILABLE, "etcdserver: unhealthy cluster"), NotReadyError),
        (Answer(grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses"), UnreachableError),
        (Answer(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"), UnreachableError),
        (Answer(grpc.StatusCode.FAILED_PRECONDITION, "etcdserver: Peer URLs already exists"), RefusedError),
        (Answer(grpc.StatusCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"), RefusedError),
        (Answer(grpc.StatusCode.PERMISSION_DENIED, "etcdserver: permission denied"), RefusedError),
        (Answer(grpc.StatusCode.DATA_LOSS, "etcdserver: corrupt cluster"), IntegrityError),
        (grpc.RpcError(), RefusedError),
    ],
)
def test_answers_become_errors_that_say_whether_to_try_again(
    answer: grpc.RpcError, expected: type[WindlassError]
) -> None:
    with pytest.raises(expected, match="cp-1: etcd: listing members: "), translated("cp-1", "listing members"):
        raise answer


@pytest.mark.parametrize(
    ("prefix", "end"), [(b"a", b"b"), (b"/registry/", b"/registry0"), (b"a\xff", b"b"), (b"\xff", b"\0"), (b"", b"\0")]
)
def test_a_prefix_ends_before_the_next_key_that_lacks_it(prefix: bytes, end: bytes) -> None:
    assert _after_prefix(prefix) == end


def test_messages_know_learners() -> None:
    request = rpc.MemberAddRequest(peerURLs=["https://192.0.2.1:2380"], isLearner=True)
    assert rpc.MemberAddRequest.FromString(request.SerializeToString()).isLearner


def test_protobufs_own_pool_is_left_alone() -> None:
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindFileByName("rpc.proto")
