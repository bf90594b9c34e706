"""One part of a bundle: compressed, sealed for its key, stored; and the way back, with every byte checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import BinaryIO, cast

from windlass.domain.backup import Part
from windlass.domain.sealing import MasterKeys, sealed_pieces, unsealed_pieces
from windlass.effects.bundles.streams import HashingReader, PieceReader, compressed, expanded, pieces_of
from windlass.effects.store.contract import Store
from windlass.errors import IntegrityError


def stored(store: Store, key: str, keys: MasterKeys, source: BinaryIO) -> Part:
    """Store `source` as a new part; IntegrityError if there is another one at `key`."""
    clear = HashingReader(source)
    shrunk = PieceReader(compressed(pieces_of(_binary(clear))))
    sealed = HashingReader(_binary(PieceReader(sealed_pieces(_binary(shrunk), keys, key))))
    # A write whose answer was lost is tried again, and then finds itself.
    if not store.create_from(key, _binary(sealed)) and not _holds(store, key, sealed):
        raise IntegrityError(f"{key}: there is such a part already; take another bundle")
    return Part(
        sealed_bytes=sealed.size,
        sealed_sha256=sealed.sha256,
        clear_bytes=clear.size,
        clear_sha256=clear.sha256,
        compression="zlib",
    )


def _holds(store: Store, key: str, desired: HashingReader) -> bool:
    with store.open(key) as stream:
        if stream is None:
            return False
        found = HashingReader(stream)
        for _ in pieces_of(_binary(found)):
            pass
    return (found.size, found.sha256) == (desired.size, desired.sha256)


@contextmanager
def opened(store: Store, key: str, keys: MasterKeys, part: Part) -> Iterator[Iterator[bytes]]:
    """Give a part in clear, piece by piece; IntegrityError as soon as anything is not as `part` says."""
    with store.open(key) as stream:
        if stream is None:
            raise IntegrityError(f"{key}: it is missing; use another bundle")
        sealed = HashingReader(stream)
        yield _checked(sealed, unsealed_pieces(_binary(sealed), keys, key), part, key)


def _checked(sealed: HashingReader, shrunk: Iterable[bytes], part: Part, key: str) -> Iterator[bytes]:
    clear, size = sha256(), 0
    for piece in expanded(shrunk, key) if part.compression == "zlib" else shrunk:
        clear.update(piece)
        size += len(piece)
        if size > part.clear_bytes:
            break
        yield piece
    _compare(key, "content", (size, clear.hexdigest()), (part.clear_bytes, part.clear_sha256))
    _compare(key, "object", (sealed.size, sealed.sha256), (part.sealed_bytes, part.sealed_sha256))


def _compare(key: str, what: str, found: tuple[int, str], expected: tuple[int, str]) -> None:
    if found != expected:
        raise IntegrityError(
            f"{key}: the {what} of {found[0]} bytes is not the one of {expected[0]} bytes that the manifest names "
            f"(SHA-256 {found[1][:12]}…, not {expected[1][:12]}…); use another bundle"
        )


def _binary(stream: object) -> BinaryIO:
    return cast("BinaryIO", stream)  # readers use `read` alone
