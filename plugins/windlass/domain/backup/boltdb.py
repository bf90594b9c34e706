"""Reading a bbolt database, the file format of etcd, through whatever can read at an offset; with flat memory.

Format: https://github.com/etcd-io/bbolt/blob/main/internal/common/page.go, meta.go and bucket.go. Only what is
reachable from the root is looked at, so that a page that is damaged or missing is noticed when it matters.

A snapshot comes from a host, which may lie: a tree that leads to one page by many ways would be walked for ever. So
each walk reads each page once, and the elements of a page hold no more than the page. All work is bounded by the size
of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from windlass.errors import IntegrityError

ReadAt = Callable[[int, int], bytes]
"""Return up to so many bytes (second) from an offset (first); less only at the end."""

_PAGE = struct.Struct("<QHHI")
_META = struct.Struct("<IIIIQQQQQQ")
_ELEMENT = struct.Struct("<IIII")
_BRANCH_ELEMENT = struct.Struct("<IIQ")
_BUCKET = struct.Struct("<QQ")
_MAGIC, _VERSION = 0xED0CDAED, 2
_BRANCH, _LEAF, _BUCKET_FLAG = 0x01, 0x02, 0x01
_PAGE_SIZES = tuple(2**power for power in range(10, 17))
"""bbolt takes the operating system's, from 4 to 64 KiB; its own tests go down to 1 KiB."""
_DEEPEST = 64
"""Levels of branches: with two children each, 64 of them lead to more pages than any disk holds."""
_LARGEST_PAGE = 64 * 1024 * 1024
"""Bytes of one page with all that overflows it: etcd's requests, and so its values, are of 1.5 MiB by default."""


@dataclass(frozen=True)
class Leaf:
    """One leaf page: its content, and for each element where the key begins, its length and that of the value."""

    page: bytes
    elements: tuple[tuple[int, int, int, int], ...]
    """Flags, start of the key in `page`, length of the key, length of the value (which follows the key)."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values in order; nested buckets have their header as the value."""
        for _, start, key, value in self.elements:
            yield self.page[start : start + key], self.page[start + key : start + key + value]


class BoltDatabase:
    """An open database. IntegrityError, with the page, as soon as something is not as bbolt writes it."""

    def __init__(self, read_at: ReadAt) -> None:
        self._read_at = read_at
        self._page_size, self._root, self._pages = _newest_meta(read_at)

    def leaves(self, bucket: bytes, since: bytes = b"") -> Iterator[Leaf]:
        """Yield the leaf pages of a bucket at the top, in the order of the keys; none if there is no such bucket.

        Pages whose keys all come before `since` are left out.
        """
        header = self._find(bucket)
        if header is None:
            return
        root = _BUCKET.unpack_from(header)[0]
        if root == 0:  # a small bucket is stored within its own header
            yield _leaf(header[_BUCKET.size :], f"bucket {bucket!r}")
        else:
            yield from self._below(root, _Walk(), since)

    def items(self, bucket: bytes, since: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys and values of a bucket at the top; some of those before `since` may be among them."""
        for leaf in self.leaves(bucket, since):
            yield from leaf.items()

    def _find(self, bucket: bytes) -> bytes | None:
        for leaf in self._below(self._root, _Walk()):
            for (flags, _, _, _), (name, value) in zip(leaf.elements, leaf.items(), strict=True):
                if name == bucket and flags & _BUCKET_FLAG:
                    if len(value) < _BUCKET.size:
                        raise IntegrityError(f"the database is damaged: bucket {bucket!r} has no header")
                    return value
        return None

    def _below(self, number: int, walk: _Walk, since: bytes = b"", depth: int = 0) -> Iterator[Leaf]:
        page = self._page(number, walk)
        flags = _PAGE.unpack_from(page)[1]
        if flags & _LEAF:
            yield _leaf(page, f"page {number}")
        elif flags & _BRANCH and depth < _DEEPEST:
            for child in _children(page, number, since):
                yield from self._below(child, walk, since, depth + 1)
        else:
            raise IntegrityError(f"the database is damaged: page {number} is neither branch nor leaf (flags {flags})")

    def _page(self, number: int, walk: _Walk) -> bytes:
        if not 1 < number < self._pages:
            raise IntegrityError(f"the database is damaged: it refers to page {number} of {self._pages}")
        offset = number * self._page_size
        page = self._read_at(offset, self._page_size)
        if len(page) == self._page_size:
            own, _, _, overflow = _PAGE.unpack_from(page)
            whole = (overflow + 1) * self._page_size
            if own == number and whole <= _LARGEST_PAGE:
                walk.visit(number, overflow + 1)
                page += self._read_at(offset + self._page_size, whole - self._page_size) if overflow else b""
                if len(page) == whole:
                    return page
        raise IntegrityError(f"the database is damaged or cut off: page {number} is not whole or not where it belongs")


class _Walk:
    """The pages that one walk down from a root has read."""

    def __init__(self) -> None:
        self._read = bytearray()
        """A byte for each page up to the last one read: no longer than the file has pages."""

    def visit(self, number: int, count: int) -> None:
        """Note `count` pages from `number` on as read; IntegrityError if one of them was before."""
        end = number + count
        self._read.extend(bytes(max(0, end - len(self._read))))
        if any(self._read[number:end]):
            raise IntegrityError(f"the database is damaged: page {number} is part of it twice")
        self._read[number:end] = b"\1" * count


def _children(page: bytes, number: int, since: bytes) -> list[int]:
    """Return the pages below a branch, less those whose keys all come before `since`."""
    count = _PAGE.unpack_from(page)[2]
    elements = list(_BRANCH_ELEMENT.iter_unpack(page[_PAGE.size :][: count * _BRANCH_ELEMENT.size]))
    if not elements or len(elements) != count:
        raise IntegrityError(f"the database is damaged: branch {number} has no children")
    if sum(length for _, length, _ in elements) > len(page):
        raise IntegrityError(f"the database is damaged: the keys of branch {number} are larger than it")
    firsts = []
    for index, (position, length, _) in enumerate(elements):
        start = _PAGE.size + index * _BRANCH_ELEMENT.size + position
        firsts.append(page[start : start + length])
    begin = next((index for index in range(1, count) if firsts[index] > since), count) - 1
    return [child for _, _, child in elements[begin:]]


def _leaf(page: bytes, where: str) -> Leaf:
    try:
        count = _PAGE.unpack_from(page)[2]
        elements = []
        for number, (flags, position, key, value) in enumerate(
            _ELEMENT.iter_unpack(page[_PAGE.size :][: count * _ELEMENT.size])
        ):
            start = _PAGE.size + number * _ELEMENT.size + position
            if start + key + value > len(page):
                raise IntegrityError(f"the database is damaged: element {number} of {where} is not within it")
            elements.append((flags, start, key, value))
    except struct.error as error:
        raise IntegrityError(f"the database is damaged: {where}: {error}") from error
    if len(elements) != count:
        raise IntegrityError(f"the database is damaged: {where} lacks elements")
    if sum(key + value for _, _, key, value in elements) > len(page):
        raise IntegrityError(f"the database is damaged: what {where} holds is larger than it")
    return Leaf(page, tuple(elements))


def _newest_meta(read_at: ReadAt) -> tuple[int, int, int]:
    """Return the page size, the root's page and the number of pages, by the newer of the two valid metas."""
    first = _meta(read_at, 0)
    sizes = (first[1],) if first else _PAGE_SIZES
    metas = [meta for meta in (first, *(_meta(read_at, size) for size in sizes)) if meta]
    if not metas:
        raise IntegrityError("this is no bbolt database, or its first pages are damaged")
    _, page_size, root, pages = max(metas)
    return page_size, root, pages


def _meta(read_at: ReadAt, offset: int) -> tuple[int, int, int, int] | None:
    """Return transaction, page size, root and number of pages of the meta page at `offset`; None if it is not valid."""
    data = read_at(offset + _PAGE.size, _META.size)
    if len(data) < _META.size:
        return None
    magic, version, page_size, _, root, _, _, pages, transaction, checksum = _META.unpack(data)
    if (magic, version) != (_MAGIC, _VERSION) or checksum != _fnv1a(data[:-8]) or page_size not in _PAGE_SIZES:
        return None
    return transaction, page_size, root, pages


def _fnv1a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value
