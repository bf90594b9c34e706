"""A key of an archive, and texts that it signed in the clear: OpenPGP (RFC 4880) as far as gpgv needs it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

_RSA, _SHA256, _CLEAR_TEXT, _CERTIFICATION = 1, 8, 0x01, 0x13
_CREATED = 1_700_000_000


class ArchiveKey:
    """An RSA key as the archive of a distribution has it."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        numbers = self._key.public_key().public_numbers()
        self._body = b"\x04" + _CREATED.to_bytes(4, "big") + bytes([_RSA]) + _number(numbers.n) + _number(numbers.e)
        # RFC 4880, 12.2: the fingerprint of a key of version 4.
        self._fingerprint = hashlib.sha1(self._hashed_key()).digest()  # noqa: S324

    def write_keyring(self, path: Path) -> None:
        """Write a keyring with this key alone, which says by itself whose it is."""
        name = b"An archive <archive@example.org>"
        certified = self._hashed_key() + b"\xb4" + len(name).to_bytes(4, "big") + name
        path.write_bytes(_packet(6, self._body) + _packet(13, name) + self._signature(_CERTIFICATION, certified))

    def _hashed_key(self) -> bytes:
        return b"\x99" + len(self._body).to_bytes(2, "big") + self._body

    def _signature(self, kind: int, content: bytes) -> bytes:
        """Return a signature packet (RFC 4880, 5.2.4): time and fingerprint are hashed with the content."""
        hashed = b"\x05\x02" + (_CREATED + 60).to_bytes(4, "big") + b"\x16\x21\x04" + self._fingerprint
        head = bytes([4, kind, _RSA, _SHA256]) + len(hashed).to_bytes(2, "big") + hashed
        digest = hashlib.sha256(content + head + b"\x04\xff" + len(head).to_bytes(4, "big")).digest()
        signature = self._key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
        issuer = b"\x00\x0a\x09\x10" + self._fingerprint[-8:]
        return _packet(2, head + issuer + digest[:2] + _number(int.from_bytes(signature, "big")))

    def signed(self, text: str) -> bytes:
        """Return `text` signed in the clear, as InRelease files are."""
        lines = [line.rstrip() for line in text.rstrip("\n").split("\n")]
        packet = self._signature(_CLEAR_TEXT, "\r\n".join(lines).encode())
        armoured = base64.encodebytes(packet).decode() + "=" + base64.b64encode(_crc24(packet)).decode() + "\n"
        escaped = "\n".join(f"- {line}" if line.startswith("-") else line for line in lines)
        return (
            f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{escaped}\n"
            f"-----BEGIN PGP SIGNATURE-----\n\n{armoured}-----END PGP SIGNATURE-----\n"
        ).encode()


def _number(value: int) -> bytes:
    return value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0x80 | tag << 2 | 1]) + len(body).to_bytes(2, "big") + body


def _crc24(data: bytes) -> bytes:
    """Return the checksum that ends an armour (RFC 4880, 6.1)."""
    register = 0xB704CE
    for byte in data:
        register ^= byte << 16
        for _ in range(8):
            register <<= 1
            if register & 0x1000000:
                register ^= 0x1864CFB
    return register.to_bytes(3, "big")
