"""Sealed objects: authenticated encryption of streams of any length, with flat memory.

A sealed object is a header and chunks. The header (`_HEADER`) holds a magic number with the format's version, the id
of the master key, the size of a chunk, the prefix of the chunks' nonces, and the object's own data key, wrapped by
the master key with AES-256-GCM. Each chunk is AES-256-GCM under the data key; its nonce is the prefix, the chunk's
number and a flag that marks the last (the STREAM construction, https://eprint.iacr.org/2015/189), so that chunks can
be neither dropped, reordered nor added. Header and context are authenticated with the data key and with each chunk.
The context is where the object belongs (its key in the store): one object cannot stand in for another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from windlass.domain.secret import Secret
from windlass.errors import IntegrityError, RefusedError

MASTER_KEY_CONNECTION = "windlass_master_key"
"""The Airflow connection whose password holds the master keys."""
CHUNK_BYTES = 256 * 1024
_LARGEST_CHUNK = 16 * 1024 * 1024  # what a header may ask us to hold in memory
_MAGIC = b"WINDLAS\x01"
_KEY_BYTES = 32
_TAG_BYTES = 16
_NONCE = struct.Struct(">7sI?")
_HEADER = struct.Struct(">8s8sI7s12s48s")
"""Magic, id of the master key, chunk size, nonce prefix, nonce of the wrapped data key, wrapped data key."""


@dataclass(frozen=True)
class MasterKey:
    """One master key; what is used are keys derived from it (HKDF-SHA256), one for each purpose."""

    key: Secret
    """Base64 of 32 random bytes."""

    @property
    def key_id(self) -> str:
        """Return 16 hex digits that name the key and tell nothing about it."""
        return self._derive(b"id", 8).hex()

    @property
    def wrapping_key(self) -> bytes:
        """Return the key that wraps data keys."""
        return self._derive(b"wrap", _KEY_BYTES)

    @property
    def signing_key(self) -> bytes:
        """Return the key that signs clear text."""
        return self._derive(b"sign", _KEY_BYTES)

    @property
    def reading_key(self) -> MasterKey:
        """Return the key that seals what those may read who get no master key, such as Airflow's pages."""
        return MasterKey(Secret(base64.b64encode(self._derive(b"read records", _KEY_BYTES)).decode()))

    @property
    def record_seed(self) -> bytes:
        """Return the seed of the Ed25519 key that signs the objects of the store."""
        return self._derive(b"sign records", _KEY_BYTES)

    @property
    def people_key(self) -> MasterKey:
        """Return the key that seals what lets people into clusters; whoever has it cannot find the master key."""
        return MasterKey(Secret(base64.b64encode(self._derive(b"people", _KEY_BYTES)).decode()))

    @property
    def fingerprint_key(self) -> bytes:
        """Return the key of what tells secrets apart."""
        return self._derive(b"fingerprint", _KEY_BYTES)

    def _derive(self, purpose: bytes, length: int) -> bytes:
        derivation = HKDF(hashes.SHA256(), length, salt=None, info=b"windlass/1 " + purpose)
        return derivation.derive(base64.b64decode(self.key.reveal()))


@dataclass(frozen=True)
class MasterKeys:
    """The master keys in use: the first seals and signs, all unseal and verify, so that keys can be rotated."""

    keys: tuple[MasterKey, ...]

    @classmethod
    def parse(cls, text: str | None, connection: str = MASTER_KEY_CONNECTION) -> MasterKeys:
        """Read comma-separated base64 of 32 bytes each; RefusedError names `connection` and quotes no key."""
        parts = [part.strip() for part in (text or "").split(",") if part.strip()]
        if not parts:
            raise RefusedError(
                f"there is no master key in the connection `{connection}`; set its password to base64 of 32 random "
                "bytes (`openssl rand -base64 32`), and keep a copy: without it no backup can be read"
            )
        for number, part in enumerate(parts, start=1):
            _check_master_key(part, f"key {number} of {len(parts)} in the connection `{connection}`")
        return cls(tuple(MasterKey(Secret(part)) for part in parts))

    def for_people(self) -> MasterKeys:
        """Return the keys that seal what lets people into clusters, for servers that get no others."""
        return MasterKeys(tuple(key.people_key for key in self.keys))

    def fingerprint(self, about: str, text: str) -> str:
        """Return 64 hex digits that tell two texts of one cluster (`about`) apart, and say nothing of either.

        It is an HMAC-SHA256 under a derived key: whoever sees it cannot try out passwords, as with a plain digest.
        That of the same text for another cluster is another, so that nobody learns by comparing with their own.
        """
        key = self.keys[0].fingerprint_key
        return hmac.new(key, f"{len(about)}:{about}:{text}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def new_master_key() -> Secret:
    """Return a new random master key in the form that `MasterKeys.parse` reads."""
    return Secret(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode())


def seal_bytes(data: bytes, keys: MasterKeys, context: str) -> bytes:
    """Return `data` sealed for `context`."""
    return b"".join(sealed_pieces(io.BytesIO(data), keys, context))


def unseal_bytes(data: bytes, keys: MasterKeys, context: str) -> bytes:
    """Return what was sealed in `data`; IntegrityError with the reason if anything is amiss."""
    return b"".join(unsealed_pieces(io.BytesIO(data), keys, context))


def sealed_pieces(source: BinaryIO, keys: MasterKeys, context: str) -> Iterator[bytes]:
    """Yield the sealed form of `source` piece by piece: the header, then chunk by chunk."""
    data_key, prefix, wrap_nonce = secrets.token_bytes(_KEY_BYTES), secrets.token_bytes(7), secrets.token_bytes(12)
    master = keys.keys[0]
    fields = (_MAGIC, bytes.fromhex(master.key_id), CHUNK_BYTES, prefix)
    wrapped = AESGCM(master.wrapping_key).encrypt(wrap_nonce, data_key, _wrap_context(fields, context))
    header = _HEADER.pack(*fields, wrap_nonce, wrapped)
    yield header
    cipher, bound = AESGCM(data_key), _chunk_context(header, context)
    for number, chunk, is_last in _blocks(source, CHUNK_BYTES):
        yield cipher.encrypt(_NONCE.pack(prefix, number, is_last), chunk, bound)


def unsealed_pieces(source: BinaryIO, keys: MasterKeys, context: str) -> Iterator[bytes]:
    """Yield what was sealed in `source` piece by piece, each checked; IntegrityError as soon as anything is amiss.

    Only when the iteration has ended without an error is it known that nothing is missing.
    """
    header = _read_exactly(source, _HEADER.size)
    cipher, chunk_bytes, prefix = _open_header(header, keys, context)
    opener = _Opener(cipher, prefix, _chunk_context(header, context), context)
    for number, block, is_last in _blocks(source, chunk_bytes + _TAG_BYTES):
        yield opener.open(number, block, is_last=is_last)


def sealed_with(header: bytes) -> str:
    """Return the id of the master key that sealed the object which begins with `header` (its first 87 bytes)."""
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        raise IntegrityError("this is no sealed object: it does not begin like one")
    key_id: bytes = _HEADER.unpack_from(header)[1]
    return key_id.hex()


def sign(data: bytes, keys: MasterKeys) -> str:
    """Return the HMAC-SHA256 of `data` in hex, by a key derived from the first master key."""
    return _signature(data, keys.keys[0])


def check_signature(data: bytes, signature: str, keys: MasterKeys, what: str) -> None:
    """Raise IntegrityError that names `what` unless one of the master keys signed `data`."""
    given = signature.encode(errors="replace")
    if not any(hmac.compare_digest(_signature(data, key).encode(), given) for key in keys.keys):
        raise IntegrityError(
            f"{what}: the signature is not by any of the master keys in `{MASTER_KEY_CONNECTION}`; "
            "either it was changed, or the key that signed it is missing there"
        )


@dataclass(frozen=True)
class _Opener:
    """Decrypts chunks, and tells from the flags what is wrong with one that does not open."""

    cipher: AESGCM
    prefix: bytes
    bound: bytes
    context: str

    def open(self, number: int, block: bytes, *, is_last: bool) -> bytes:
        chunk = self._try(number, block, is_last=is_last)
        if chunk is None:
            raise IntegrityError(f"{self.context}: {self._reason(number, block, is_last=is_last)}; use another copy")
        if not chunk and number > 0:
            raise IntegrityError(f"{self.context}: it ends with an empty chunk, which no seal writes; use another copy")
        return chunk

    def _try(self, number: int, block: bytes, *, is_last: bool) -> bytes | None:
        try:
            return self.cipher.decrypt(_NONCE.pack(self.prefix, number, is_last), block, self.bound)
        except (InvalidTag, ValueError):
            return None

    def _reason(self, number: int, block: bytes, *, is_last: bool) -> str:
        if len(block) < _TAG_BYTES:
            return f"cut off in chunk {number}"
        if self._try(number, block, is_last=not is_last) is None:
            return f"chunk {number} is damaged, out of place or cut off"
        return f"cut off after chunk {number}" if is_last else f"there is more data after the last chunk {number}"


def _open_header(header: bytes, keys: MasterKeys, context: str) -> tuple[AESGCM, int, bytes]:
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        raise IntegrityError(f"{context}: this is no sealed object, or it is cut off in its header; use another copy")
    magic, key_id, chunk_bytes, prefix, wrap_nonce, wrapped = _HEADER.unpack(header)
    master = next((key for key in keys.keys if key.key_id == key_id.hex()), None)
    if master is None:
        known = ", ".join(key.key_id for key in keys.keys)
        raise IntegrityError(
            f"{context}: sealed with the master key {key_id.hex()}, but `{MASTER_KEY_CONNECTION}` has only {known}; "
            "add the key there, after the one in use"
        )
    try:
        bound = _wrap_context((magic, key_id, chunk_bytes, prefix), context)
        data_key = AESGCM(master.wrapping_key).decrypt(wrap_nonce, wrapped, bound)
    except InvalidTag:
        raise IntegrityError(
            f"{context}: the header is damaged, or this object was sealed for another place; use another copy"
        ) from None
    if not 0 < chunk_bytes <= _LARGEST_CHUNK:
        raise IntegrityError(f"{context}: chunks of {chunk_bytes} bytes are out of range; a newer version sealed this")
    return AESGCM(data_key), chunk_bytes, prefix


def _wrap_context(fields: tuple[bytes, bytes, int, bytes], context: str) -> bytes:
    return struct.pack(">8s8sI7s", *fields) + context.encode()


def _chunk_context(header: bytes, context: str) -> bytes:
    return hashlib.sha256(header + context.encode()).digest()  # the header has a fixed length, so this is unambiguous


def _blocks(source: BinaryIO, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Yield number, content and whether it is the last, for each block of `size` bytes; at least one."""
    number, block = 0, _read_exactly(source, size)
    while True:
        following = _read_exactly(source, size) if len(block) == size else b""
        yield number, block, not following
        if not following:
            return
        number, block = number + 1, following


def _read_exactly(source: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, or less only at the end: pipes and sockets return short reads."""
    parts: list[bytes] = []
    missing = size
    while missing and (part := source.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _check_master_key(text: str, where: str) -> None:
    try:
        length = len(base64.b64decode(text, validate=True))
    except binascii.Error:
        length = None
    if length == _KEY_BYTES:
        return
    found = "is not base64" if length is None else f"has {length} bytes"
    raise RefusedError(f"{where} {found}; a master key is base64 of 32 random bytes (`openssl rand -base64 32`)")


def _signature(data: bytes, key: MasterKey) -> str:
    return hmac.new(key.signing_key, data, hashlib.sha256).hexdigest()
