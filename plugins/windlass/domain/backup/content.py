"""What an etcd database file holds, computed from its bytes alone: the revision, and the hash of all it keeps.

The hash is the one that etcd's HashKV gives for the newest revision, in 3.6 and 3.7 alike (server/storage/mvcc/hash.go
and kvstore.go): CRC-32C over the name of the bucket, every version since the last compaction, and of those up to it
the ones that are still the newest of their keys.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import google_crc32c

from windlass.domain.backup.boltdb import BoltDatabase, Leaf, ReadAt
from windlass.errors import IntegrityError

_KEY, _META = b"key", b"meta"
_SCHEDULED, _FINISHED = b"scheduledCompactRev", b"finishedCompactRev"
_REVISION_BYTES, _TOMBSTONE_BYTES = 17, 18
_MAIN = struct.Struct(">q")
_VARINT_BYTES = 10
"""The longest number of protobuf: 64 bits, seven in each byte."""


@dataclass(frozen=True)
class DatabaseContent:
    """What a database holds."""

    revision: int
    compact_revision: int
    """Zero if it was never compacted."""
    entries: int
    hash: int


def read_content(read_at: ReadAt) -> DatabaseContent:
    """Read all of a database; IntegrityError, with the place, if any of it is not as etcd writes it.

    Memory grows with what was written since the last compaction, which API servers do every five minutes; while a
    compaction is under way it grows with the number of keys.
    """
    database = BoltDatabase(read_at)
    meta = {key: value for key, value in database.items(_META) if key in {_SCHEDULED, _FINISHED}}
    scheduled, finished = _main_of(meta.get(_SCHEDULED)), _main_of(meta.get(_FINISHED))
    compacted = max(scheduled, finished)
    living = _Living.of(database, compacted, is_done=scheduled <= finished)
    hashed, entries, newest = google_crc32c.value(_KEY), 0, 0
    for leaf in database.leaves(_KEY):
        entries += len(leaf.elements)
        newest, pieces = _hashed(leaf, newest, living)
        hashed = google_crc32c.extend(hashed, b"".join(pieces))
    if newest == 0 and compacted == 0:
        raise IntegrityError("the database holds no keys of etcd; this is no snapshot of a member")
    return DatabaseContent(max(newest, compacted), compacted, entries, int(hashed))


def _hashed(leaf: Leaf, newest: int, living: _Living) -> tuple[int, list[bytes]]:
    """Return the last revision of a leaf, and what of it goes into the hash."""
    pieces, page = [], leaf.page
    for _, start, key_bytes, value_bytes in leaf.elements:
        if key_bytes not in {_REVISION_BYTES, _TOMBSTONE_BYTES}:
            raise IntegrityError(f"the database is damaged: a key of {key_bytes} bytes where a revision should be")
        last = _MAIN.unpack_from(page, start)[0]
        if last < newest:
            raise IntegrityError(f"the database is damaged: revision {last} comes after {newest}")
        newest = last
        middle, end = start + key_bytes, start + key_bytes + value_bytes
        if last > living.compacted or living.has(page[start:middle], page[middle:end]):
            pieces.append(page[start:end])
    return newest, pieces


@dataclass(frozen=True)
class _Living:
    """Which of the entries up to the last compaction are still the newest of their key at the end."""

    compacted: int
    changed: frozenset[bytes]
    """Keys that were written or deleted since."""
    newest: Mapping[bytes, bytes] | None
    """The last revision of each key up to the compaction, while that is under way: else there is only one."""

    @classmethod
    def of(cls, database: BoltDatabase, compacted: int, *, is_done: bool) -> _Living:
        if compacted == 0:
            return cls(0, frozenset(), None)
        since = _MAIN.pack(compacted + 1)
        changed = frozenset(
            _user_key(value) for revision, value in database.items(_KEY, since) if _main_of(revision) > compacted
        )
        return cls(compacted, changed, None if is_done else _newest_up_to(database, compacted))

    def has(self, revision: bytes, value: bytes) -> bool:
        """Tell whether an entry up to the compaction belongs to the hash: deletions do not."""
        if len(revision) == _TOMBSTONE_BYTES:
            return False
        key = _user_key(value)
        return key not in self.changed and (self.newest is None or self.newest.get(key) == revision)


def _newest_up_to(database: BoltDatabase, compacted: int) -> Mapping[bytes, bytes]:
    newest: dict[bytes, bytes] = {}
    for revision, value in database.items(_KEY):
        if _main_of(revision) > compacted:
            break
        newest[_user_key(value)] = revision
    return newest


def _user_key(value: bytes) -> bytes:
    """Return the first field of an mvccpb.KeyValue: the key.

    A restore that raises the revision writes an empty value at the raised one, which etcd takes for an empty key
    and keeps for ever (etcdutl/snapshot/v3_snapshot.go, unsafeBumpBucketsRevision).
    """
    if not value:
        return b""
    if value[0] != 0x0A:
        raise IntegrityError("the database is damaged: a value without a key")
    length = 0
    for place, byte in enumerate(value[1 : 1 + _VARINT_BYTES]):
        length |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            begin = 2 + place
            if begin + length > len(value):
                break
            return value[begin : begin + length]
    raise IntegrityError("the database is damaged: a value whose key is cut off")


def _main_of(revision: bytes | None) -> int:
    return int(_MAIN.unpack_from(revision)[0]) if revision and len(revision) >= _MAIN.size else 0
