"""Answers that only the laptop opens that asked: sealed for a key that it made for this one command.

X25519 with a key pair of one use on both sides, HKDF-SHA256 over what both know, AES-256-GCM: the construction of HPKE
in its base mode (RFC 9180), written with the primitives that `sealing` uses. Each key encrypts once, so that its nonce
may be zero. The context is the run and the command, so that one answer cannot stand in for another. Who sealed it is
not proven: that is Airflow's database, and the TLS in front of Airflow.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from windlass.errors import IntegrityError, SpecError

_MAGIC = b"WINDLAN\x01"
_POINT = 32
_NONCE = bytes(12)


@dataclass(frozen=True)
class AnswerKey:
    """The private half of a key that opens the answer to one command."""

    private: X25519PrivateKey = field(repr=False)

    @classmethod
    def new(cls) -> AnswerKey:
        """Make one."""
        return cls(X25519PrivateKey.generate())

    @property
    def public(self) -> str:
        """Return the half that may be shown, in base64."""
        return base64.b64encode(self.private.public_key().public_bytes_raw()).decode()

    def open(self, sealed: str, context: str) -> bytes:
        """Return what was sealed for this key and `context`; IntegrityError if it was not, or was changed."""
        try:
            data = base64.b64decode(sealed, validate=True)
            point, body = data[len(_MAGIC) : len(_MAGIC) + _POINT], data[len(_MAGIC) + _POINT :]
            shared = self.private.exchange(X25519PublicKey.from_public_bytes(point))
            own = self.private.public_key().public_bytes_raw()
            return AESGCM(_key(shared, point, own, context)).decrypt(_NONCE, body, _MAGIC)
        except (InvalidTag, ValueError):
            raise IntegrityError(
                "the answer is not sealed for this command, or was changed on its way; give the command again"
            ) from None


def seal_answer(data: bytes, public: str, context: str) -> str:
    """Return `data` as only the holder of the key `public` can read it, for `context`; base64.

    SpecError if `public` is no key.
    """
    one_use, receiver = X25519PrivateKey.generate(), _read(public)
    point = one_use.public_key().public_bytes_raw()
    try:
        shared = one_use.exchange(receiver)
    except ValueError:
        raise _no_key() from None  # a point of small order, by which everybody would know the secret
    key = _key(shared, point, receiver.public_bytes_raw(), context)
    return base64.b64encode(_MAGIC + point + AESGCM(key).encrypt(_NONCE, data, _MAGIC)).decode()


def check_public(public: str) -> None:
    """SpecError unless an answer can be sealed for the key."""
    seal_answer(b"", public, "")


def _key(shared: bytes, point: bytes, receiver: bytes, context: str) -> bytes:
    info = b"windlass/1 answer " + point + receiver + context.encode()
    return HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(shared)


def _read(public: str) -> X25519PublicKey:
    try:
        return X25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
    except (binascii.Error, ValueError):
        raise _no_key() from None


def _no_key() -> SpecError:
    return SpecError("the key for the answer is none: it is an X25519 public key in base64, made for one command")
