"""Expanding what is compressed, with a bound on what comes out.

A few hundred bytes of a compressed file can stand for gigabytes, whoever made it. So what comes out is counted, and
comes in pieces.
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from windlass.errors import IntegrityError

PIECE_BYTES = 256 * 1024
_XZ_MEMORY = 128 * 1024 * 1024
"""Bytes that expanding xz may take: level 9, the highest that `xz` has, takes 65 MiB, and a file may ask for 4 GiB."""
_GZIP, _XZ, _TAR = b"\x1f\x8b", b"\xfd7zXZ\0", b"ustar"
_TAR_AT = 257
_OTHERS = {b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd", b"\x5d\0\0": "lzma", b"PK\3\4": "zip"}


def expanded(source: BinaryIO, most: int, where: str) -> Iterator[bytes]:
    """Yield what a gzip or xz file holds, in pieces; of what is not compressed, the file itself.

    IntegrityError, with `where`, if more than `most` bytes come out, if it is damaged or cut off, or is compressed in
    another way. `source` can seek.
    """
    size = 0
    try:
        for piece in _pieces(source, where):
            size += len(piece)
            if size > most:
                raise IntegrityError(
                    f"{where} expands to more than {most} bytes, and nothing of its kind does; it was not read further"
                )
            yield piece
    except (zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile) as error:
        raise IntegrityError(f"{where} does not expand: {error}; it is damaged or cut off, get it again") from error


def _pieces(source: BinaryIO, where: str) -> Iterator[bytes]:
    begin = source.read(_TAR_AT + len(_TAR))
    source.seek(0)
    if begin.startswith(_GZIP):
        return _read(gzip.GzipFile(fileobj=source, mode="rb"))
    if begin.startswith(_XZ):
        return _read_xz(source)
    for magic, name in _OTHERS.items():
        if begin.startswith(magic) and begin[_TAR_AT:] != _TAR:  # a file in a tar archive may be called BZh
            raise IntegrityError(f"{where} is compressed by {name}; only gzip and xz are read")
    return _read(source)


def _read(source: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    while piece := source.read(PIECE_BYTES):
        yield piece


def _read_xz(source: BinaryIO) -> Iterator[bytes]:
    expander = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    while not expander.eof:
        data = source.read(PIECE_BYTES) if expander.needs_input else b""
        if expander.needs_input and not data:
            raise EOFError("the file ends before its content does")
        if piece := expander.decompress(data, PIECE_BYTES):
            yield piece
    if expander.unused_data or source.read(1):
        raise EOFError("something comes after its end")
