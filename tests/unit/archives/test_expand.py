"""What a few bytes stand for is never taken further than the reader allows, whatever compressed it."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.domain.scripts.backup import pack_stacks_script
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Host
from windlass.effects.archives import expanded, open_tar
from windlass.effects.archives.expand import PIECE_BYTES
from windlass.errors import IntegrityError
from windlass.mirror.deb import data_archive
from windlass.mirror.debian import unpack
from windlass.operations.backup import stacks

MIB = 2**20
ZEROS = bytes(MIB)


def xz(size: int) -> bytes:
    packer = lzma.LZMACompressor()
    return b"".join([packer.compress(ZEROS) for _ in range(size)]) + packer.flush()


def gz(size: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join([packer.compress(ZEROS) for _ in range(size)]) + packer.flush()


@pytest.mark.parametrize("pack", [xz, gz], ids=["xz", "gzip"])
def test_no_more_comes_out_than_allowed_and_in_pieces(pack: Callable[[int], bytes]) -> None:
    bomb, came = pack(16), [0]
    assert len(bomb) < MIB // 8

    def take() -> None:
        for piece in expanded(io.BytesIO(bomb), 3 * MIB, "bomb.tar"):
            assert len(piece) <= PIECE_BYTES
            came[0] += len(piece)

    with pytest.raises(IntegrityError, match=r"bomb\.tar expands to more than 3145728 bytes"):
        take()
    assert came[0] <= 3 * MIB


@pytest.mark.parametrize(
    "hostile",
    [bz2.compress(bytes(MIB)), lzma.compress(b"x", format=lzma.FORMAT_ALONE), b"\x28\xb5\x2f\xfd" + bytes(600)],
    ids=["bzip2", "lzma", "zstd"],
)
def test_what_nobody_here_writes_is_not_expanded_at_all(hostile: bytes) -> None:
    with pytest.raises(IntegrityError, match="only gzip and xz are read"):
        list(expanded(io.BytesIO(hostile), 100 * MIB, "a.tar"))


def test_a_file_that_asks_for_memory_beyond_all_levels_of_xz_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    large = lzma.compress(b"x", filters=filters)
    with pytest.raises(IntegrityError, match="does not expand"):
        list(expanded(io.BytesIO(large), MIB, "a.tar"))


@given(data=st.binary(max_size=2000), pack=st.sampled_from([lzma.compress, gzip.compress, bytes]))
@settings(max_examples=60)
def test_all_that_was_packed_comes_out(data: bytes, pack: Callable[[bytes], bytes]) -> None:
    if pack is bytes and data.startswith((b"\x1f\x8b", b"BZh", b"PK", b"\xfd7zXZ", b"\x28\xb5", b"]")):
        return
    assert b"".join(expanded(io.BytesIO(pack(data)), 2000, "a")) == data


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress])
def test_what_is_cut_off_is_noticed(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(hashlib.sha256(b"x").digest() * 9)
    for length in range(10, len(packed)):
        with pytest.raises(IntegrityError, match="does not expand"):
            list(expanded(io.BytesIO(packed[:length]), 1000, "a"))


def test_bytes_behind_the_end_of_an_xz_file_are_noticed() -> None:
    with pytest.raises(IntegrityError, match="after its end"):
        list(expanded(io.BytesIO(lzma.compress(b"x") + b"more"), 1000, "a"))


class Answering:
    """A connection to a host that answers a script with `text`."""

    host = "cp-1"

    def __init__(self, text: str) -> None:
        self.stdout = text

    def run_script(self, _: Script, **__: object) -> Answering:
        return self


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress], ids=["bz2", "xz", "gzip"])
def test_a_backup_takes_no_bomb_from_a_host(pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "MOST_BYTES", MIB)
    bomb = io.BytesIO()
    with tarfile.open(fileobj=bomb, mode="w") as archive:
        member = tarfile.TarInfo("./etcd/compose.yaml")
        member.size = 3 * MIB
        archive.addfile(member, io.BytesIO(bytes(3 * MIB)))
    sent = base64.b64encode(pack(bomb.getvalue())).decode()
    assert len(sent) < MIB // 8
    host = Host.model_validate({"name": "cp-1", "address": "192.0.2.1", "roles": ["etcd"]})
    with pytest.raises(IntegrityError, match=r"^cp-1: .*(expands to more than|only gzip and xz)"):
        stacks._stacks(host, Answering(sent), pack_stacks_script(["etcd"]))  # type: ignore[arg-type]


def ar(*members: tuple[str, str, bytes]) -> bytes:
    packed = b"!<arch>\n"
    for name, size, content in members:
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{size:<10}`\n".encode() + content
    return packed


@pytest.mark.parametrize(
    "member", [("debian-binary", "-60", b""), ("debian-binary", "x", b""), ("data.tar", "99", b"short"), ("a", "", b"")]
)
def test_an_ar_archive_whose_sizes_lie_is_refused_and_not_read_for_ever(member: tuple[str, str, bytes]) -> None:
    with pytest.raises(IntegrityError, match="damaged or cut off"):
        data_archive(ar(member), "a.deb")


def test_a_package_is_unpacked_within_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("windlass.mirror.debian.MOST_BYTES", MIB)
    bomb = lzma.compress(bytes(3 * MIB))
    package = tmp_path / "bomb.deb"
    package.write_bytes(ar(("data.tar.xz", str(len(bomb)), bomb)))
    with suppress(IntegrityError):  # an archive of zeros is one that is empty
        assert unpack([package]) == {}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("./usr/bin/tool")
        member.size = 3 * MIB
        archive.addfile(member, io.BytesIO(bytes(3 * MIB)))
    bomb = lzma.compress(stream.getvalue())
    package.write_bytes(ar(("data.tar.xz", str(len(bomb)), bomb)))
    with pytest.raises(IntegrityError, match=r"bomb\.deb: data\.tar expands to more than"):
        unpack([package])


def test_an_archive_on_disk_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w"):
        pass
    with open_tar(path, MIB, "a") as entries:
        assert list(entries) == []
