"""What an etcd database file holds, computed from its bytes alone: the revision, and the hash of all it keeps.

The hash is the one that etcd's HashKV and `etcdutl hashkv` give (server/storage/mvcc/hash.go): CRC-32C over the name of
the bucket and each version of each key up to the revision, less those that a compaction has given up already.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import google_crc32c

from windlass.domain.backup.boltdb import BoltDatabase, Leaf, ReadAt
from windlass.errors import IntegrityError

_KEY, _META = b"key", b"meta"
_SCHEDULED, _FINISHED = b"scheduledCompactRev", b"finishedCompactRev"
_REVISION_BYTES, _TOMBSTONE_BYTES = 17, 18
_MAIN = struct.Struct(">q")


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

    Memory is flat, except after a compaction that had not ended: then it grows with the number of keys.
    """
    database = BoltDatabase(read_at)
    meta = dict(database.items(_META))
    scheduled, finished = _main_of(meta.get(_SCHEDULED)), _main_of(meta.get(_FINISHED))
    compacted = max(scheduled, finished)
    kept = _kept(database, compacted) if scheduled > finished else None
    hashed, entries, newest = google_crc32c.value(_KEY), 0, 0
    for leaf in database.leaves(_KEY):
        entries += len(leaf.elements)
        last, pieces = _hashed(leaf, newest, compacted, kept)
        newest = last
        hashed = google_crc32c.extend(hashed, b"".join(pieces))
    if newest == 0 and compacted == 0:
        raise IntegrityError("the database holds no keys of etcd; this is no snapshot of a member")
    return DatabaseContent(max(newest, compacted), compacted, entries, int(hashed))


def _hashed(leaf: Leaf, newest: int, compacted: int, kept: frozenset[bytes] | None) -> tuple[int, list[bytes]]:
    """Return the last revision of a leaf, and what of it goes into the hash."""
    pieces, page, last = [], leaf.page, newest
    for _, start, key_bytes, value_bytes in leaf.elements:
        if key_bytes not in {_REVISION_BYTES, _TOMBSTONE_BYTES}:
            raise IntegrityError(f"the database is damaged: a key of {key_bytes} bytes where a revision should be")
        last = _MAIN.unpack_from(page, start)[0]
        if last < newest:
            raise IntegrityError(f"the database is damaged: revision {last} comes after {newest}")
        newest = last
        if last <= compacted and _is_given_up(page[start : start + key_bytes], kept):
            continue
        pieces.append(page[start : start + key_bytes + value_bytes])
    return last, pieces


def _is_given_up(revision: bytes, kept: frozenset[bytes] | None) -> bool:
    if len(revision) == _TOMBSTONE_BYTES:
        return True
    return kept is not None and revision not in kept


def _kept(database: BoltDatabase, compacted: int) -> frozenset[bytes] | None:
    """Return the revisions up to `compacted` that its compaction keeps; None if it keeps none, as etcd has it."""
    newest: dict[bytes, bytes] = {}
    for revision, value in _up_to(database, compacted):
        newest[_user_key(value)] = revision
    return frozenset(one for one in newest.values() if len(one) == _REVISION_BYTES) or None


def _up_to(database: BoltDatabase, compacted: int) -> Iterator[tuple[bytes, bytes]]:
    for revision, value in database.items(_KEY):
        if _main_of(revision) > compacted:
            return
        yield revision, value


def _user_key(value: bytes) -> bytes:
    """Return the first field of an mvccpb.KeyValue: the key."""
    if not value or value[0] != 0x0A:
        raise IntegrityError("the database is damaged: a value without a key")
    length, shift, position = 0, 0, 1
    while True:
        byte = value[position]
        length |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value[position : position + length]


def _main_of(revision: bytes | None) -> int:
    return int(_MAIN.unpack_from(revision)[0]) if revision and len(revision) >= _MAIN.size else 0
