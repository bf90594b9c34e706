"""Our reader of tar archives gives what Python's own gives of what tar writes, and refuses the rest at once."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.effects.archives import TarEntry, open_tar, tar
from windlass.errors import IntegrityError

MOST = 2**20
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), min_size=1, max_size=200).filter(
    lambda name: not name.endswith("/") and name.strip("/") and ".." not in name
)
MEMBERS = st.lists(
    st.tuples(
        NAMES,
        st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]),
        st.binary(max_size=1500),
        NAMES,
    ),
    max_size=6,
)
KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.DIRTYPE: "directory",
    tarfile.FIFOTYPE: "other",
}


def packed(members: list[tuple[str, bytes, bytes, str]], form: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, kind, content, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, 0o640
            if kind == tarfile.REGTYPE:
                member.size = len(content)
            if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE}:
                member.linkname = link
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def ours(data: bytes) -> list[tuple[TarEntry, bytes]]:
    with open_tar(data, MOST, "a.tar") as entries:
        return [(entry, entries.read()) for entry in entries]


def pythons(data: bytes) -> list[tuple[TarEntry, bytes]]:
    found = []
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            kind = KINDS[member.type]
            data = content.read() if content else b""
            name = f"{member.name}/" if member.isdir() else member.name
            found.append((TarEntry(name, kind, len(data), member.mode, member.linkname), data))  # type: ignore[arg-type]
    return found


def alike(found: list[tuple[TarEntry, bytes]]) -> list[tuple[object, ...]]:
    return [(one.name.rstrip("/"), one.kind, one.size, one.mode, one.link, data) for one, data in found]


@given(members=MEMBERS, form=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
@settings(max_examples=150)
def test_it_reads_what_tar_writes(members: list[tuple[str, bytes, bytes, str]], form: int) -> None:
    try:
        data = packed(members, form)
    except ValueError:  # a name that is too long for ustar
        return
    assert alike(ours(data)) == alike(pythons(data))


def test_content_that_is_not_asked_for_is_passed_over() -> None:
    data = packed([("a", tarfile.REGTYPE, bytes(5000), ""), ("b", tarfile.REGTYPE, b"two", "")], tarfile.PAX_FORMAT)
    with open_tar(data, MOST, "a.tar") as entries:
        assert [entry.name for entry in entries] == ["a", "b"]


def header(name: bytes = b"a", kind: bytes = b"0", size: bytes = b"00000000000") -> bytes:
    fields = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size.ljust(12, b"\0") + b"00000000000\0"
    rest = kind + bytes(100) + b"ustar\x0000" + bytes(247)
    checksum = sum(fields) + 8 * 32 + sum(rest)
    return fields + f"{checksum:06o}\0 ".encode() + rest


def pax(record: bytes) -> bytes:
    return header(kind=b"x", size=f"{len(record):011o}".encode()) + record.ljust(-(-len(record) // 512) * 512, b"\0")


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (lambda: header(size=b"\xff" * 12), "says nothing"),
        (lambda: header(size=b"\x80" + b"\xff" * 11), "cut off"),
        (lambda: header(kind=b"x", size=b"00010000000"), "a header of 2097152 bytes"),
        (lambda: header(kind=b"L", size=b"77777777777"), "a header of 8589934591 bytes"),
        (lambda: pax(b"13 size=-512\n") + header(), "an entry of -512 bytes"),
        (lambda: pax(b"9" * 4000) + header(), "says nothing"),
        (lambda: pax(b"1 a=b\n") + header(), "says nothing"),
        (lambda: pax(b"99 path=b\n") + header(), "says nothing"),
        (lambda: header(kind=b"S"), "of the type b'S'"),
        (lambda: header()[:-1] + b"x", "sum is another one"),
        (lambda: header(size=b"00000001000"), "cut off"),
        (lambda: header()[:300], "cut off"),
    ],
)
def test_headers_that_lie_are_refused(hostile: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(IntegrityError, match=rf"^a\.tar is no archive that can be read: .*{reason}"):
        ours(hostile())


def test_entries_without_number_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "MOST_ENTRIES", 10)
    assert len(ours(header() * 9)) == 9
    with pytest.raises(IntegrityError, match="more than 10 entries"):
        ours(header() * 11)
