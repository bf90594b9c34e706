"""Streams that are hashed, compressed and expanded on their way, with flat memory."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from windlass.errors import IntegrityError

PIECE_BYTES = 256 * 1024
_LEVEL, _STORED = 1, 0  # a database of etcd is half its size after the first level, and hardly less after the ninth
_HEADER, _END = b"\x78\x01", b"\x03\x00"
"""Of a zlib stream (RFC 1950), and the empty block that ends one (RFC 1951)."""
_SAMPLE_BYTES = 4096


class HashingReader(io.RawIOBase):
    """Reads from another stream, and knows the size and the SHA-256 of what was read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes."""
        data = self._source.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    @property
    def sha256(self) -> str:
        """Hex digest of what was read so far."""
        return self._hash.hexdigest()


class PieceReader(io.RawIOBase):
    """Makes a stream of pieces; a read gives what is left of one piece, so that nothing is joined or copied twice."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; an empty answer is the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = memoryview(piece)
        desired = len(self._left) if size < 0 else size
        taken, self._left = self._left[:desired], self._left[desired:]
        return bytes(taken)


def pieces_of(source: BinaryIO) -> Iterator[bytes]:
    """Yield what is left of a stream."""
    while piece := source.read(PIECE_BYTES):
        yield piece


def compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the zlib form of `pieces`, each compressed by itself, or stored if it does not shrink.

    What is encrypted or compressed already would take most of a backup's time for nothing.
    """
    yield _HEADER
    checksum = zlib.adler32(b"")
    for piece in pieces:
        checksum = zlib.adler32(piece, checksum)
        packer = zlib.compressobj(_LEVEL if _shrinks(piece) else _STORED, wbits=-zlib.MAX_WBITS)
        yield packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    yield _END + checksum.to_bytes(4, "big")


def _shrinks(piece: bytes) -> bool:
    """Tell by two samples whether compressing a piece is worth it."""
    starts = (len(piece) // 4, len(piece) * 3 // 4)
    samples = [piece[start : start + _SAMPLE_BYTES] for start in starts]
    return any(len(zlib.compress(one, _LEVEL)) < 0.95 * len(one) for one in samples)


def expanded(pieces: Iterable[bytes], where: str) -> Iterator[bytes]:
    """Yield what was compressed, in pieces of bounded size; IntegrityError if it is not a whole zlib stream."""
    expander = zlib.decompressobj()
    try:
        for piece in pieces:
            yield from _expand(expander, piece)
    except zlib.error as error:
        raise IntegrityError(f"{where}: it does not expand: {error}; use another bundle") from error
    if not expander.eof or expander.unused_data:
        raise IntegrityError(f"{where}: what expands ends too early or too late; use another bundle")


def _expand(expander: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    # Zeros shrink a thousandfold: without a bound one piece could fill the memory.
    while piece:
        if large := expander.decompress(piece, PIECE_BYTES):
            yield large
        piece = expander.unconsumed_tail
