"""Databases, archives, programs and checksums, whatever bytes they are of: read or refused, within their own size."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
import zlib

from hypothesis import given
from hypothesis import strategies as st

from unit.backup.boltfile import Items, etcd_file, key_value, revision
from unit.hostile.mutations import BUDGET, mutated, mutated_text, returned
from windlass.domain.backup import read_content
from windlass.domain.kubeobjects import uid_of
from windlass.domain.sealing import MasterKeys, new_master_key, seal_bytes, sealed_with, unseal_bytes
from windlass.effects.archives import expanded, open_tar
from windlass.effects.bundles.streams import compressed
from windlass.effects.bundles.streams import expanded as bundle_expanded
from windlass.mirror.checksums import published_sha256
from windlass.mirror.deb import data_archive
from windlass.mirror.elf import needed_libraries

ENTRIES: Items = [(revision(main), key_value(f"key-{main % 7}".encode(), b"x" * 200)) for main in range(2, 60)]
COMPACTED = {b"scheduledCompactRev": revision(30), b"finishedCompactRev": revision(20)}
DATABASES = [etcd_file(ENTRIES), etcd_file(ENTRIES, COMPACTED, 3), etcd_file([(revision(2), key_value(b"a", b"b"))])]
WALKS = 6


@given(data=mutated(DATABASES))
@BUDGET
def test_etcd_databases(data: bytes) -> None:
    read = 0

    def read_at(offset: int, size: int) -> bytes:
        nonlocal read
        taken = data[offset : offset + size]
        read += len(taken)
        return taken

    returned(lambda: read_content(read_at))
    assert read <= WALKS * len(data) + 10_000


def tar(form: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, content in {"./etcd/compose.yaml": b"services: {}\n", "n" * 150: b"x" * 700, "ü": b""}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1.5  # type: ignore[assignment]  # a header of its own in pax
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "l" * 150
        archive.addfile(link)
    return stream.getvalue()


TARS = [tar(form) for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]
PACKED = [pack(one) for one in TARS for pack in (bytes, gzip.compress, lzma.compress)]
MOST = 64 * 1024


@given(data=mutated(PACKED))
@BUDGET
def test_tar_archives(data: bytes) -> None:
    came = 0

    def read() -> None:
        nonlocal came
        with open_tar(data, MOST, "a.tar") as entries:
            for _ in entries:
                came += sum(map(len, entries.content()))

    returned(read)
    assert came <= MOST


@given(data=mutated([gzip.compress(bytes(10_000)), lzma.compress(bytes(10_000)), b"plain" * 100]))
@BUDGET
def test_compressed_files(data: bytes) -> None:
    returned(lambda: list(expanded(io.BytesIO(data), MOST, "a")))


@given(data=mutated([b"".join(compressed([b"abc" * 500, bytes(5000)])), zlib.compress(bytes(5000))]))
@BUDGET
def test_compressed_parts_of_bundles(data: bytes) -> None:
    returned(lambda: list(bundle_expanded([data[:50], data[50:]], "part")))


def package() -> bytes:
    packed = b"!<arch>\n"
    for name, content in {
        "debian-binary": b"2.0\n",
        "control.tar.xz": b"odd",
        "data.tar.xz": lzma.compress(b"x"),
    }.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        packed += b"\n" * (len(content) % 2)
    return packed


@given(data=mutated([package()]))
@BUDGET
def test_debian_packages(data: bytes) -> None:
    found = returned(lambda: data_archive(data, "a.deb"))
    assert found is None or found in data


def program() -> bytes:
    """Return a program as a linker would make it, that asks for a loader and two libraries."""
    names = b"\0libc.so.6\0libm.so.6\0"
    loader = b"/lib64/ld-linux-x86-64.so.2\0"
    base, table = 0x400000, 64 + 3 * 56
    dynamic = b"".join(struct.pack("<QQ", *one) for one in ((1, 1), (1, 11), (5, base + table), (0, 0)))
    where = table + len(names)
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0
    )
    sizes = (len(names) + len(dynamic) + len(loader), len(dynamic), len(loader))
    places = (table, where, where + len(dynamic))
    segments = b"".join(
        struct.pack("<IIQQQQQQ", kind, 4, at, base + at, 0, size, size, 8)
        for kind, at, size in zip((1, 2, 3), places, sizes, strict=True)
    )
    return head + segments + names + dynamic + loader


def test_the_program_is_one() -> None:
    assert needed_libraries(program()) == ("/lib64/ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6")


@given(data=mutated([program()]))
@BUDGET
def test_programs(data: bytes) -> None:
    found = returned(lambda: needed_libraries(data)) or ()
    assert sum(map(len, found)) <= 4096 * (2 + len(data) // 16)


@given(text=mutated_text([f"{'0' * 64}  runc.amd64\n", f"SHA256 (runc.amd64) = {'0' * 64}\n"]))
@BUDGET
def test_checksums(text: str) -> None:
    returned(lambda: published_sha256(text, "runc.amd64", "SHA256SUMS"))


KEYS = MasterKeys.parse(new_master_key().reveal())


@given(data=mutated([seal_bytes(b"secret" * 50, KEYS, "place")]))
@BUDGET
def test_sealed_objects(data: bytes) -> None:
    returned(lambda: unseal_bytes(data, KEYS, "place"))
    returned(lambda: sealed_with(data))


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


OBJECT = b"k8s\0" + field(1, b"\x0a\x02v1") + field(2, field(1, field(1, b"demo") + field(5, b"0f0c")))
ENVELOPED = st.binary(max_size=60).map(lambda rest: b"k8s\0" + rest)


@given(data=mutated([OBJECT, b'{"metadata": {"uid": "0f0c"}}']) | ENVELOPED)
@BUDGET
def test_objects_in_etcd(data: bytes) -> None:
    returned(lambda: uid_of(data))
