"""The keys of the store's objects, derived from the master keys: one pair signs, and one key seals what pages may read.

None of them opens a PKI or a bundle. Signatures are Ed25519 (RFC 8032), so that whoever only reads, as Airflow's API
server does, is given a reading key: it checks every object and writes none. Whoever writes records and opens no PKI, as
the triggerer does, is given a record key.
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

RECORD_KEY_CONNECTION = "windlass_record_key"
"""The Airflow connection whose password holds the record keys, where there is no master key."""
READING_KEY_CONNECTION = "windlass_reading_key"
"""The Airflow connection whose password holds the reading keys, where there are no others."""
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
        """Read one of what `RecordKeys.reading_text` or `record_text` wrote; ValueError if it is none."""
        data = base64.b64decode(text, validate=True)
        reading, public, seed = (data[at : at + _KEY_BYTES] for at in (0, _KEY_BYTES, 2 * _KEY_BYTES))
        if len(data) not in {2 * _KEY_BYTES, 3 * _KEY_BYTES}:
            raise ValueError(f"it has {len(data)} bytes")
        private = Ed25519PrivateKey.from_private_bytes(seed) if seed else None
        return cls(MasterKey(Secret(base64.b64encode(reading).decode())), public, private)

    def text(self, *, signs: bool) -> str:
        """Return it in the form that `parse` reads, with what signs or without."""
        private = self.private.private_bytes_raw() if signs and self.private is not None else b""
        return base64.b64encode(base64.b64decode(self.reading.key.reveal()) + self.public + private).decode()

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
        """Read reading or record keys, separated by commas; RefusedError names `connection` and quotes no key."""
        parts = [part.strip() for part in (text or "").split(",") if part.strip()]
        try:
            keys = tuple(map(RecordKey.parse, parts))
        except (ValueError, binascii.Error):
            keys = ()
        if not keys:
            raise RefusedError(
                f"the connection `{connection}` holds no such key; set its password to what `windlass store "
                f"{connection.removeprefix('windlass_').replace('_', '-')}` prints where the master key is"
            )
        return cls(keys)

    @property
    def sealing(self) -> MasterKeys:
        """The keys that seal, in the form that `windlass.domain.sealing` takes."""
        return MasterKeys(tuple(key.reading for key in self.keys))

    def reading_text(self) -> Secret:
        """Return what readers are given."""
        return Secret(",".join(key.text(signs=False) for key in self.keys))

    def record_text(self) -> Secret:
        """Return what writers are given that open no PKI."""
        return Secret(",".join(key.text(signs=True) for key in self.keys))

    @property
    def signs(self) -> bool:
        """Tell whether objects are written by these keys; else they are only read."""
        return self.keys[0].private is not None

    def sign(self, data: bytes) -> bytes:
        """Return the signature of the first key; RefusedError where there are only reading keys."""
        private = self.keys[0].private
        if private is None:
            raise RefusedError(
                f"the store is only read here: `{READING_KEY_CONNECTION}` signs nothing; give this process "
                f"`{RECORD_KEY_CONNECTION}`"
            )
        return private.sign(data)

    def verify(self, data: bytes, signatures: Iterable[bytes]) -> bool:
        """Tell whether one of the keys made one of `signatures` of `data`."""
        return any(key.verifies(data, one) for one in signatures for key in self.keys)
