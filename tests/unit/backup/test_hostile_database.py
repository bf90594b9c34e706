"""A database that leads to its pages by ever more ways is refused before it takes more work than its size."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from unit.backup.boltfile import PAGE, BoltFile, Items, etcd_file, key_value, page_body, revision
from windlass.domain.backup import read_content
from windlass.domain.backup.boltdb import BoltDatabase
from windlass.errors import IntegrityError

WALKS = 6
"""How often the tree is walked at most: for each of two buckets to find it, and up to four times through the keys."""


class Counted:
    """A file whose bytes are counted as they are read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read = 0

    def at(self, offset: int, size: int) -> bytes:
        taken = self.data[offset : offset + size]
        self.read += len(taken)
        return taken

    @property
    def share(self) -> float:
        """How many times the file was read."""
        return self.read / len(self.data)


def buckets(file: BoltFile, root: int) -> bytes:
    meta = struct.pack("<QQ", 0, 0) + struct.pack("<QHHI", 0, 2, 0, 0)
    return file.finish(file.leaf([(b"key", struct.pack("<QQ", root, 0)), (b"meta", meta)], flags=1))


def doubling(levels: int) -> bytes:
    """Return a tree each of whose branches leads to the next one twice."""
    file = BoltFile()
    below = file.leaf([(revision(1), key_value(b"a"))])
    for _ in range(levels):
        below = file.branch([(revision(1), below), (revision(1), below)])
    return buckets(file, below)


def own_child() -> bytes:
    file = BoltFile()
    leaf = file.leaf([(revision(1), key_value(b"a"))])
    return buckets(file, file.branch([(revision(1), leaf), (revision(2), leaf + 1)]))


def overlapping_pages() -> bytes:
    """Return a branch to pages each of which says that all that follows belongs to it."""
    file, count = BoltFile(), 60
    first = len(file.pages)
    for number in range(count):
        body = page_body([(revision(number + 1), key_value(b"a"))])
        head = struct.pack("<QHHI", first + number, 2, 1, count - number - 1)
        file.pages.append((head + body).ljust(PAGE, b"\0"))
    return buckets(file, file.branch([(revision(number + 1), first + number) for number in range(count)]))


def shared_value() -> bytes:
    """Return a leaf of 2000 elements, each of which is the same half of a megabyte."""
    count, size = 2000, 500_000
    elements = b"".join(struct.pack("<IIII", 0, (count - number) * 16, 17, size - 17) for number in range(count))
    body = elements + revision(1) + bytes(size)
    file = BoltFile()
    overflow = -(-(16 + len(body)) // PAGE) - 1
    number = len(file.pages)
    file.pages += [(struct.pack("<QHHI", number, 2, count, overflow) + body).ljust((overflow + 1) * PAGE, b"\0")]
    file.pages += [b""] * overflow
    return buckets(file, number)


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (lambda: doubling(18), "is part of it twice"),
        (own_child, "is part of it twice"),
        (overlapping_pages, "is part of it twice"),
        (shared_value, "is larger than it"),
    ],
    ids=["262,144 leaves", "a page below itself", "pages within pages", "one value two thousand times"],
)
def test_no_page_is_read_twice_and_no_page_holds_more_than_itself(hostile: Callable[[], bytes], reason: str) -> None:
    file = Counted(hostile())
    with pytest.raises(IntegrityError, match=reason):
        read_content(file.at)
    assert file.share <= WALKS


def test_a_page_that_a_meta_claims_beyond_the_file_takes_no_memory() -> None:
    data = bytearray(etcd_file([(revision(2), key_value(b"a"))]))
    with pytest.raises(IntegrityError, match=r"not whole|refers to page"):
        list(BoltDatabase(Counted(bytes(data[: 3 * PAGE])).at).items(b"key"))


def test_what_etcd_writes_is_read_as_often_as_before() -> None:
    entries: Items = [(revision(main), key_value(b"key", b"x" * 200)) for main in range(2, 600)]
    file = Counted(etcd_file(entries, {b"finishedCompactRev": revision(300), b"scheduledCompactRev": revision(300)}))
    assert read_content(file.at).entries == 598
    assert file.share <= WALKS


@pytest.mark.parametrize("value", [b"\x0a", b"\x0a" + b"\xff" * 100_000, b"\x0a\x05ab"], ids=["cut", "long", "short"])
def test_a_key_that_is_cut_off_is_noticed(value: bytes) -> None:
    entries: Items = [(revision(2), key_value(b"a")), (revision(9), value)]
    with pytest.raises(IntegrityError, match="damaged"):
        read_content(Counted(etcd_file(entries, {b"finishedCompactRev": revision(5)})).at)
