"""Reads from a program which shared libraries it needs, without running anything."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from windlass.domain.bounded import read_from
from windlass.errors import IntegrityError

_DYNAMIC = 2
_LOAD = 1
_INTERPRETER = 3
_NEEDED = 1
_STRING_TABLE = 5
_LONGEST_NAME = 4096
"""Bytes of a path on Linux."""
_LONGEST_TABLE = 1024 * 1024
"""Bytes of the table that a program is linked by; each library takes sixteen."""
_Segment = tuple[int, int, int, int]
"""Kind, offset in the file, address and size."""


def needed_libraries(content: bytes) -> tuple[str, ...]:
    """Return the names of the libraries, and the loader's path, that the ELF file `content` asks for.

    Empty for static programs and for what is no 64-bit little-endian ELF file; IntegrityError if it is damaged.
    https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html
    """
    if content[:6] != b"\x7fELF\x02\x01":
        return ()
    try:
        with read_from("a program", "get the package that it is from again"):
            segments = list(_segments(content))
            return (*_interpreter(content, segments), *_libraries(content, segments))
    except struct.error as error:
        raise IntegrityError(f"a program is cut off ({error}); get the package that it is from again") from error


def _interpreter(content: bytes, segments: Sequence[_Segment]) -> Iterator[str]:
    # A program has one at most, and one table: of others nothing is read.
    for _, start, _, size in [one for one in segments if one[0] == _INTERPRETER][:1]:
        yield content[start : start + min(size, _LONGEST_NAME)].rstrip(b"\0").decode()


def _libraries(content: bytes, segments: Sequence[_Segment]) -> Iterator[str]:
    for _, start, _, size in [one for one in segments if one[0] == _DYNAMIC][:1]:
        entries = list(struct.iter_unpack("<QQ", content[start : start + min(size, _LONGEST_TABLE)]))
        table = next((_file_offset(value, segments) for tag, value in entries if tag == _STRING_TABLE), None)
        if table is not None:
            yield from (_text_at(content, table + value) for tag, value in entries if tag == _NEEDED)


def _segments(content: bytes) -> Iterator[_Segment]:
    (headers,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    for number in range(count):
        place = headers + number * size
        kind, _, offset, address, _, length = struct.unpack("<IIQQQQ", content[place : place + 40])
        yield kind, offset, address, length


def _file_offset(address: int, segments: Sequence[_Segment]) -> int | None:
    for kind, offset, start, size in segments:
        if kind == _LOAD and start <= address < start + size:
            return offset + address - start
    return None


def _text_at(content: bytes, offset: int) -> str:
    return content[offset : content.index(b"\0", offset, offset + _LONGEST_NAME)].decode()
