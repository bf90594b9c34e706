from __future__ import annotations

from collections.abc import Mapping

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.backup.boltfile import PAGE, Items, etcd_file, key_value, revision
from windlass.domain.backup import DatabaseContent, read_content
from windlass.errors import IntegrityError

ENTRIES: Items = [(revision(main), key_value(f"key-{main % 7}".encode(), b"x" * 200)) for main in range(2, 60)]
FILE = etcd_file(ENTRIES)


def content(data: bytes) -> DatabaseContent:
    return read_content(lambda offset, size: data[offset : offset + size])


def hash_of(entries: Items) -> int:
    return int(google_crc32c.value(b"key" + b"".join(key + value for key, value in entries)))


def compacted(scheduled: int, finished: int) -> Mapping[bytes, bytes]:
    return {b"scheduledCompactRev": revision(scheduled), b"finishedCompactRev": revision(finished)}


def test_all_of_a_database_is_counted_and_hashed() -> None:
    assert content(FILE) == DatabaseContent(revision=59, compact_revision=0, entries=58, hash=hash_of(ENTRIES))


def test_a_value_longer_than_a_page_is_read_whole() -> None:
    entries = [(revision(2), b"\x0a\x01k" + bytes(3 * PAGE)), (revision(3), key_value(b"other"))]
    assert content(etcd_file(entries)).hash == hash_of(entries)


def test_of_what_a_compaction_left_only_what_still_lives_is_part_of_the_hash() -> None:
    entries = [
        (revision(3), key_value(b"changed later")),
        (revision(4), key_value(b"lives")),
        (revision(5, deleted=True), key_value(b"gone")),
        (revision(6), key_value(b"changed later", b"new")),
        (revision(7), key_value(b"changed later", b"newest")),
    ]
    for per_leaf in (1, 10):
        found = content(etcd_file(entries, compacted(5, 5), per_leaf))
        assert (found.revision, found.compact_revision, found.entries) == (7, 5, 5)
        assert found.hash == hash_of([entries[1], *entries[3:]])


def test_in_the_midst_of_a_compaction_what_it_will_remove_is_no_part_of_the_hash() -> None:
    entries = [
        (revision(2), key_value(b"a")),
        (revision(3), key_value(b"a", b"newer")),
        (revision(4), key_value(b"b")),
        (revision(5, deleted=True), key_value(b"b")),
        (revision(6), key_value(b"c")),
    ]
    assert content(etcd_file(entries, compacted(5, 1))).hash == hash_of([entries[1], entries[4]])


@pytest.mark.parametrize("finished", [500, 1000, 1200])
def test_what_a_restore_with_a_raised_revision_left_is_read(finished: int) -> None:
    entries = [(revision(2), key_value(b"a")), (revision(1000), b""), (revision(1300), key_value(b"b"))]

    found = content(etcd_file(entries, compacted(scheduled=max(finished, 1000), finished=finished)))

    assert (found.revision, found.entries) == (1300, 3)
    assert found.hash == hash_of(entries)


def test_a_restore_that_bumped_the_revision_left_an_entry_without_a_key() -> None:
    entries = [(revision(3), key_value(b"a")), (revision(4), key_value(b"a", b"new")), (revision(1000), b"")]
    found = content(etcd_file(entries, compacted(1000, 0)))
    assert (found.revision, found.compact_revision) == (1000, 1000)
    assert found.hash == hash_of(entries[1:])


def test_the_revision_of_a_compaction_counts_where_everything_up_to_it_is_gone() -> None:
    entries = [(revision(3), key_value(b"a"))]
    assert content(etcd_file(entries, compacted(9, 9))).revision == 9


@given(st.integers(0, len(FILE) - 1))
def test_a_database_that_is_cut_off_is_refused_or_lacks_nothing_that_matters(length: int) -> None:
    with pytest.raises(IntegrityError, match=r"damaged|cut off|no bbolt"):
        content(FILE[:length])


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed_or_makes_another_hash_or_is_not_used(place: int, change: int) -> None:
    torn = bytearray(FILE)
    torn[place] ^= change
    try:
        found = content(bytes(torn))
    except IntegrityError:
        return
    if found != content(FILE):
        assert (found.hash, found.revision) != (content(FILE).hash, content(FILE).revision)


def test_pages_out_of_order_are_noticed() -> None:
    pages = [FILE[start : start + PAGE] for start in range(0, len(FILE), PAGE)]
    pages[2], pages[3] = pages[3], pages[2]
    with pytest.raises(IntegrityError, match="not where it belongs"):
        content(b"".join(pages))


def test_what_is_no_database_is_refused() -> None:
    with pytest.raises(IntegrityError, match="no bbolt database"):
        content(b"not a database" * 1000)
