"""Reads from a program which shared libraries it needs, without running anything."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_DYNAMIC = 2
_LOAD = 1
_INTERPRETER = 3
_NEEDED = 1
_STRING_TABLE = 5


def needed_libraries(content: bytes) -> tuple[str, ...]:
    """Return the names of the libraries, and the loader's path, that the ELF file `content` asks for.

    Empty for static programs and for what is no 64-bit little-endian ELF file.
    https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html
    """
    if content[:6] != b"\x7fELF\x02\x01":
        return ()
    segments = list(_segments(content))
    names = [
        content[start : start + size].rstrip(b"\0").decode()
        for kind, start, _, size in segments
        if kind == _INTERPRETER
    ]
    for kind, start, _, size in segments:
        if kind == _DYNAMIC:
            entries = list(struct.iter_unpack("<QQ", content[start : start + size]))
            table = next((_file_offset(value, segments) for tag, value in entries if tag == _STRING_TABLE), None)
            if table is not None:
                names += [_text_at(content, table + value) for tag, value in entries if tag == _NEEDED]
    return tuple(names)


def _segments(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield kind, offset in the file, address and size of each program header."""
    (headers,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    for number in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", content, headers + number * size)
        yield kind, offset, address, length


def _file_offset(address: int, segments: list[tuple[int, int, int, int]]) -> int | None:
    for kind, offset, start, size in segments:
        if kind == _LOAD and start <= address < start + size:
            return offset + address - start
    return None


def _text_at(content: bytes, offset: int) -> str:
    return content[offset : content.index(b"\0", offset)].decode()
