"""A small bbolt file as etcd would write it, for tests that have no etcd at hand."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

PAGE = 4096
Items = Sequence[tuple[bytes, bytes]]


def revision(main: int, sub: int = 0, *, deleted: bool = False) -> bytes:
    return struct.pack(">q", main) + b"_" + struct.pack(">q", sub) + (b"t" if deleted else b"")


def key_value(key: bytes, value: bytes = b"v") -> bytes:
    return b"\x0a" + bytes([len(key)]) + key + b"\x2a" + bytes([len(value)]) + value


class BoltFile:
    """Lays pages down one after another."""

    def __init__(self) -> None:
        self.pages: list[bytes] = [b"", b""]

    def leaf(self, items: Items, flags: int = 0) -> int:
        number = len(self.pages)
        body = page_body(items, flags)
        overflow = max(0, -(-(16 + len(body)) // PAGE) - 1)
        whole = struct.pack("<QHHI", number, 2, len(items), overflow) + body
        self.pages.append(whole.ljust((overflow + 1) * PAGE, b"\0"))
        self.pages += [b""] * overflow
        return number

    def branch(self, children: Sequence[tuple[bytes, int]]) -> int:
        number = len(self.pages)
        header, keys = b"", b""
        for index, (first, child) in enumerate(children):
            header += struct.pack("<IIQ", (len(children) - index) * 16 + len(keys), len(first), child)
            keys += first
        self.pages.append((struct.pack("<QHHI", number, 1, len(children), 0) + header + keys).ljust(PAGE, b"\0"))
        return number

    def finish(self, root: int) -> bytes:
        self.pages[0], self.pages[1] = self._meta(0, root, 8), self._meta(1, root, 7)
        return b"".join(self.pages)

    def _meta(self, number: int, root: int, transaction: int) -> bytes:
        total = len(self.pages)
        meta = struct.pack("<IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, root, 0, 2**64 - 1, total, transaction)
        checksum = 0xCBF29CE484222325
        for byte in meta:
            checksum = (checksum ^ byte) * 0x100000001B3 % 2**64
        page = struct.pack("<QHHI", number, 4, 0, 0) + meta + struct.pack("<Q", checksum)
        return page.ljust(PAGE, b"\0")


def page_body(items: Items, flags: int = 0) -> bytes:
    table, data = b"", b""
    for number, (key, value) in enumerate(items):
        position = (len(items) - number) * 16 + len(data)
        table += struct.pack("<IIII", flags, position, len(key), len(value))
        data += key + value
    return table + data


def etcd_file(entries: Items, meta: Mapping[bytes, bytes] | None = None, per_leaf: int = 10) -> bytes:
    """Return a database with `entries` in the bucket `key` and `meta` in the bucket `meta`."""
    file = BoltFile()
    leaves = [entries[start : start + per_leaf] for start in range(0, len(entries), per_leaf)]
    numbers = [(leaf[0][0], file.leaf(leaf)) for leaf in leaves]
    root = numbers[0][1] if len(numbers) == 1 else file.branch(numbers)
    small = struct.pack("<QHHI", 0, 2, len(meta or {}), 0) + page_body(sorted((meta or {}).items()))
    buckets = [(b"key", struct.pack("<QQ", root, 0)), (b"meta", struct.pack("<QQ", 0, 0) + small)]
    return file.finish(file.leaf(buckets, flags=1))
