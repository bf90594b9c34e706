"""Reading a tar archive once, from its beginning to its end, with flat memory.

Python's own reader takes headers of any size into memory, follows sizes that are negative, and may take time that
grows with the square of a header (CVE-2024-6232, CVE-2025-8194): it is for archives that one trusts. Formats: ustar
and pax (POSIX, pax(1)), and what GNU tar adds for long names and large numbers
(https://www.gnu.org/software/tar/manual/html_node/Standard.html).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from windlass.effects.archives.expand import PIECE_BYTES, expanded
from windlass.errors import IntegrityError

BLOCK = 512
MOST_ENTRIES = 200_000
"""The layers of the largest images that clusters run have a few thousand."""
_LONGEST_HEADER = 64 * 1024
"""Bytes of what a header says in addition: a name has 4096 at the most on Linux."""
Kind = Literal["file", "hard link", "symbolic link", "directory", "other"]
_KINDS: dict[bytes, Kind] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hard link",
    b"2": "symbolic link",
    b"3": "other",
    b"4": "other",
    b"5": "directory",
    b"6": "other",
}
"""By the type in a header; only files have content, whatever size another one states."""


@dataclass(frozen=True)
class TarEntry:
    """One member of an archive."""

    name: str
    kind: Kind
    size: int
    """Bytes of its content."""
    mode: int
    link: str
    """What a link leads to, else empty."""


class TarReader:
    """Yields the entries of an archive in their order; IntegrityError as soon as anything is not as tar writes it."""

    def __init__(self, pieces: Iterable[bytes], where: str) -> None:
        self._pieces = iter(pieces)
        self._buffer = bytearray()
        self._where = where
        self._left = self._padding = 0
        """Bytes of the present entry's content that were not read, and of what fills its last block."""

    def __iter__(self) -> Iterator[TarEntry]:
        for _ in range(MOST_ENTRIES):
            try:
                entry = self._next()
            except ValueError as error:
                raise self._damaged(f"a header that says nothing ({error})") from error
            if entry is None:
                return
            yield entry
        raise self._damaged(f"more than {MOST_ENTRIES} entries")

    def content(self) -> Iterator[bytes]:
        """Yield the content of the entry that came last, in pieces."""
        while self._left:
            piece = self._take(min(self._left, PIECE_BYTES))
            self._left -= len(piece)
            yield piece

    def read(self) -> bytes:
        """Return the content of the entry that came last."""
        return b"".join(self.content())

    def _next(self) -> TarEntry | None:
        said: dict[str, str] = {}
        while (header := self._header()) is not None:
            kind, size = header[156:157], int(said.get("size", _number(header[124:136])))
            if size < 0:
                raise self._damaged(f"an entry of {size} bytes")
            self._left = size if _KINDS.get(kind, "file") == "file" else 0
            self._padding = -self._left % BLOCK
            if kind not in {b"x", b"g", b"K", b"L"}:
                return self._entry(header, kind, said)
            said |= self._more(kind)
        return None

    def _entry(self, header: bytes, kind: bytes, said: dict[str, str]) -> TarEntry:
        if kind not in _KINDS:
            raise self._damaged(f"an entry of the type {kind!r}, which nobody here writes")
        name = said.get("path", _name(header))
        # As it was before there was a type for directories.
        is_directory = _KINDS[kind] == "file" and name.endswith("/")
        link = said.get("linkpath", _text(header[157:257]))
        return TarEntry(name, "directory" if is_directory else _KINDS[kind], self._left, _number(header[100:108]), link)

    def _header(self) -> bytes | None:
        """Go on behind the present entry, and return the next header; None at the end of the archive."""
        for _ in self.content():
            pass
        self._take(self._padding)
        self._padding = 0
        header = self._take(BLOCK, or_end=True)
        if not header.strip(b"\0"):
            return None
        if _number(header[148:156]) != sum(header[:148]) + 8 * ord(" ") + sum(header[156:]):
            raise self._damaged("a header whose sum is another one")
        return header

    def _more(self, kind: bytes) -> dict[str, str]:
        """Return what a header says of the entry after it."""
        if self._left > _LONGEST_HEADER:
            raise self._damaged(f"a header of {self._left} bytes")
        content = self.read()
        if kind == b"x":
            return dict(_records(content))
        if kind == b"g":  # times, owners and comments for all that follows
            return {}
        return {"path" if kind == b"L" else "linkpath": _text(content)}

    def _take(self, size: int, *, or_end: bool = False) -> bytes:
        """Return the next `size` bytes, of which the caller has seen to it that they are few."""
        while len(self._buffer) < size:
            piece = next(self._pieces, None)
            if piece is None:
                if or_end and not self._buffer:
                    return b""
                raise self._damaged("an entry that is cut off")
            self._buffer += piece
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _damaged(self, what: str) -> IntegrityError:
        return IntegrityError(f"{self._where} is no archive that can be read: it has {what}; get it again")


@contextmanager
def open_tar(source: Path | bytes, most: int, where: str) -> Iterator[TarReader]:
    """Open a tar archive, compressed by gzip, xz or not at all; IntegrityError once it expands to more than `most`."""
    stream: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with stream:
        yield TarReader(expanded(stream, most, where), where)


def _records(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield the keywords of a pax header that matter here: each is a line that begins with its own length."""
    position = 0
    while position < len(content):
        digits = content[position : position + 8].partition(b" ")[0]
        length = int(digits)
        key, separator, value = content[position + len(digits) + 1 : position + length - 1].partition(b"=")
        if length <= len(digits) + 1 or content[position + length - 1 : position + length] != b"\n" or not separator:
            raise ValueError("a line of a pax header is not as long as it says")
        if key in {b"path", b"linkpath", b"size"}:
            yield key.decode(), _text(value)
        position += length


def _name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    return f"{prefix}/{name}" if prefix and header[257:263] == b"ustar\0" else name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")


def _number(field: bytes) -> int:
    """Read a number in octal, or as GNU tar writes those that are too large for that."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    return int(field.strip(b" \0") or b"0", 8)
