"""The keys of the store's objects, derived from the master keys: one pair signs, and one key seals what pages may read.

Signatures are Ed25519 (RFC 8032), so that whoever only reads, as Airflow's API server does, can check every object and
write none. What readers are given is a reading key: it opens no PKI and no bundle.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from windlass.domain.sealing import MasterKey, MasterKeys
from windlass.domain.secret import Secret
from windlass.errors import RefusedError

READING_KEY_CONNECTION = "windlass_reading_key"
"""The Airflow connection whose password holds the reading keys, where there is no master key."""
_KEY_BYTES = 32


@dataclass(frozen=True)
class RecordKey:
    """What is derived from one master key."""

    reading: MasterKey
    """Seals, in the way that master keys do."""
    public: bytes
    """Of the pair that signs."""
    private: Ed25519PrivateKey | None = field(default=None, repr=False)
    """None where objects are only read."""

    @classmethod
    def of(cls, master: MasterKey) -> RecordKey:
        """Derive it from a master key."""
        private = Ed25519PrivateKey.from_private_bytes(master.record_seed)
        return cls(master.reading_key, private.public_key().public_bytes_raw(), private)

    @classmethod
    def parse(cls, text: str) -> RecordKey:
        """Read one of what `RecordKeys.reading_text` wrote; ValueError if it is none."""
        data = base64.b64decode(text, validate=True)
        if len(data) != 2 * _KEY_BYTES:
            raise ValueError(f"it has {len(data)} bytes")
        return cls(MasterKey(Secret(base64.b64encode(data[:_KEY_BYTES]).decode())), data[_KEY_BYTES:])

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Tell whether this key signed `data`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class RecordKeys:
    """The keys in use: the first signs and seals, all verify and unseal, so that master keys can be rotated."""

    keys: tuple[RecordKey, ...]

    @classmethod
    def of(cls, masters: MasterKeys) -> RecordKeys:
        """Derive them from the master keys."""
        return cls(tuple(map(RecordKey.of, masters.keys)))

    @classmethod
    def parse(cls, text: str | None, connection: str = READING_KEY_CONNECTION) -> RecordKeys:
        """Read reading keys, separated by commas; RefusedError names `connection` and quotes no key."""
        parts = [part.strip() for part in (text or "").split(",") if part.strip()]
        try:
            keys = tuple(map(RecordKey.parse, parts))
        except (ValueError, binascii.Error):
            keys = ()
        if not keys:
            raise RefusedError(
                f"the connection `{connection}` holds no reading key; set its password to what "
                "`windlass store reading-key` prints where the master key is"
            )
        return cls(keys)

    @property
    def sealing(self) -> MasterKeys:
        """The keys that seal, in the form that `windlass.domain.sealing` takes."""
        return MasterKeys(tuple(key.reading for key in self.keys))

    def reading_text(self) -> Secret:
        """Return what readers are given."""
        return Secret(",".join(map(_text_of, self.keys)))

    def sign(self, data: bytes) -> bytes:
        """Return the signature of the first key; RefusedError where there are only reading keys."""
        private = self.keys[0].private
        if private is None:
            raise RefusedError(
                f"the store is only read here: `{READING_KEY_CONNECTION}` signs nothing; give this process the "
                "master key"
            )
        return private.sign(data)

    def verify(self, data: bytes, signatures: Iterable[bytes]) -> bool:
        """Tell whether one of the keys made one of `signatures` of `data`."""
        return any(key.verifies(data, one) for one in signatures for key in self.keys)


def _text_of(key: RecordKey) -> str:
    return base64.b64encode(base64.b64decode(key.reading.key.reveal()) + key.public).decode()
