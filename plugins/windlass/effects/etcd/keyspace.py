"""Keys and values in etcd: a few plain reads and writes, each with a deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from windlass.domain.etcd.status import KeyValue
from windlass.effects.etcd.failures import translated
from windlass.effects.etcd.stubs import rpc

_PAGE = 500


@dataclass(frozen=True)
class Keyspace:
    """The keys and values of a cluster, through one member."""

    stub: Any
    host: str
    deadline: timedelta
    guard: Callable[[], None] = lambda: None
    """Called before each change; it may raise what forbids it."""

    def get(self, key: bytes, *, linearizable: bool = True) -> KeyValue | None:
        """Return the newest value, or None; without `linearizable` as this member has it, quorum or not."""
        response = self._call(
            "reading a key", self.stub.Range, rpc.RangeRequest(key=key, serializable=not linearizable)
        )
        return _key_value(response.kvs[0]) if response.kvs else None

    def list(self, prefix: bytes, revision: int = 0) -> Iterator[KeyValue]:
        """Yield all keys below `prefix` in order, as they are at one revision (0: the newest), page by page.

        What was at a revision never changes, so that this member is asked alone if one is given, quorum or not.
        """
        alone = revision > 0
        start, end = prefix or b"\0", _after_prefix(prefix)
        while True:
            request = rpc.RangeRequest(key=start, range_end=end, limit=_PAGE, revision=revision, serializable=alone)
            response = self._call("listing keys", self.stub.Range, request)
            yield from (_key_value(item) for item in response.kvs)
            if not response.more:
                return
            start, revision = response.kvs[-1].key + b"\0", response.header.revision

    def count(self, prefix: bytes, revision: int = 0) -> int:
        """Return how many keys there are below `prefix` at a revision (0: the newest); see `list`."""
        start, end, alone = prefix or b"\0", _after_prefix(prefix), revision > 0
        request = rpc.RangeRequest(key=start, range_end=end, count_only=True, revision=revision, serializable=alone)
        return int(self._call("counting keys", self.stub.Range, request).count)

    def put(self, key: bytes, value: bytes) -> int:
        """Write a value; return the revision at which it is acknowledged."""
        self.guard()
        return int(self._call("writing a key", self.stub.Put, rpc.PutRequest(key=key, value=value)).header.revision)

    def create(self, key: bytes, value: bytes) -> bool:
        """Write a value if there is none; False if there is one."""
        absent = rpc.Compare(key=key, target=rpc.Compare.CREATE, result=rpc.Compare.EQUAL, create_revision=0)
        return self._put_if(absent, key, value)

    def replace(self, key: bytes, value: bytes, mod_revision: int) -> bool:
        """Write a value if the key was last changed at `mod_revision`; False if not."""
        same = rpc.Compare(key=key, target=rpc.Compare.MOD, result=rpc.Compare.EQUAL, mod_revision=mod_revision)
        return self._put_if(same, key, value)

    def delete(self, key: bytes) -> bool:
        """Remove a key; False if there was none."""
        self.guard()
        return bool(self._call("deleting a key", self.stub.DeleteRange, rpc.DeleteRangeRequest(key=key)).deleted)

    def compact(self, revision: int) -> None:
        """Forget what was before `revision`."""
        self.guard()
        self._call("compacting", self.stub.Compact, rpc.CompactionRequest(revision=revision, physical=True))

    def _put_if(self, condition: Any, key: bytes, value: bytes) -> bool:
        self.guard()
        put = rpc.RequestOp(request_put=rpc.PutRequest(key=key, value=value))
        request = rpc.TxnRequest(compare=[condition], success=[put])
        return bool(self._call("writing a key", self.stub.Txn, request).succeeded)

    def _call(self, doing: str, method: Any, request: Any) -> Any:
        with translated(self.host, doing):
            return method(request, self.deadline.total_seconds())


def _after_prefix(prefix: bytes) -> bytes:
    """Return the first key after all that begin with `prefix`; etcd's zero byte means no end."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else b"\0"


def _key_value(item: Any) -> KeyValue:
    return KeyValue(item.key, item.value, item.create_revision, item.mod_revision, item.version)
