"""All keys and certificates of a cluster as one value, and its form for sealing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.pki.certificates import Credential, public_pem
from windlass.domain.pki.rotation_state import EncryptionKey, Rotated, Rotation, read_rotation, write_rotation
from windlass.domain.pki.subjects import Signer
from windlass.domain.secret import Secret
from windlass.errors import MALFORMED, IntegrityError

_FORMAT = 1
_ROTATED_FORMAT = 2
"""Of a PKI that is being rotated or was: whoever reads only the first would drop what must not be forgotten."""


@dataclass(frozen=True)
class Pki:
    """The whole PKI of one cluster; a value that is only ever replaced, and only ever stored sealed."""

    authorities: Mapping[Signer, Credential]
    leaves: Mapping[str, Credential]
    """By `PURPOSE` (Windlass's own) or `HOST/PURPOSE`."""
    service_account_key: Secret
    """PEM; signs the tokens of service accounts. All API servers share it."""
    encryption_keys: tuple[EncryptionKey, ...]
    """For Secrets at rest: the first encrypts, all decrypt."""
    rotations: Mapping[Rotated, Rotation] = field(default_factory=dict)
    """The changes of authorities and keys that are under way."""
    former: tuple[str, ...] = ()
    """The fingerprints (`fingerprint`) of authorities and of service accounts' keys that were replaced."""

    def to_bytes(self) -> bytes:
        """Return the PKI as JSON with all keys in clear: for sealing, nothing else. Equal PKIs give equal bytes."""
        document = {
            "format": _FORMAT,
            "authorities": {signer.value: _write(authority) for signer, authority in self.authorities.items()},
            "leaves": {name: _write(leaf) for name, leaf in self.leaves.items()},
            "serviceAccountKey": self.service_account_key.reveal(),
            "encryptionKeys": [{"name": key.name, "key": key.key.reveal()} for key in self.encryption_keys],
        }
        if self.rotations or self.former:
            rotations = {what.value: write_rotation(one) for what, one in self.rotations.items()}
            document |= {"format": _ROTATED_FORMAT, "rotations": rotations, "former": list(self.former)}
        return json.dumps(document, sort_keys=True, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Pki:
        """Read what `to_bytes` wrote; IntegrityError (that quotes nothing of it) if it is not of that form."""
        try:
            return _read_pki(json.loads(data))
        except MALFORMED as error:
            reason = type(error).__name__
        # Raised outside of the handler: the cause of a JSON error holds the text, and with it the keys.
        raise IntegrityError(f"the stored PKI is not readable ({reason}); restore it from a control-plane host's copy")


def secrets(pki: Pki) -> list[str]:
    """Return every secret text in `pki` that must never appear anywhere: for searching what a run left behind.

    A PEM key is given as its body lines too, since a log may quote it line by line, and in the base64 form that
    kubeconfigs embed.
    """
    others = [one.other for one in pki.rotations.values()]
    authorities = [*pki.authorities.values(), *(one for one in others if isinstance(one, Credential))]
    credentials = [*authorities, *pki.leaves.values()]
    signing = [pki.service_account_key, *(one for one in others if isinstance(one, Secret))]
    encryption = [*pki.encryption_keys, *(one for one in others if isinstance(one, EncryptionKey))]
    keys = [*(credential.key.reveal() for credential in credentials), *(key.reveal() for key in signing)]
    public = "".join([*(item.certificate for item in credentials), *map(public_pem, signing)])
    # A short last line could stand anywhere by chance, and a line of the public half stands in the certificate.
    bodies = [line for key in keys for line in key.splitlines() if not line.startswith("-----")]
    lines = [line for line in bodies if len(line) > 16 and line not in public]
    embedded = [base64.b64encode(key.encode()).decode() for key in keys]
    return [*keys, *lines, *embedded, *(key.key.reveal() for key in encryption)]


def fingerprint(public: str) -> str:
    """Return the SHA-256 of a certificate or public key (PEM), by which `Pki.former` remembers it."""
    return hashlib.sha256(public.strip().encode()).hexdigest()


def _write(credential: Credential) -> dict[str, str]:
    return {"certificate": credential.certificate, "key": credential.key.reveal()}


def _read(document: Mapping[str, Any]) -> Credential:
    certificate, key = document["certificate"], document["key"]
    if not isinstance(certificate, str) or not isinstance(key, str):
        raise TypeError("certificate and key are texts")
    return Credential(certificate, Secret(key))


def _read_pki(document: Mapping[str, Any]) -> Pki:
    if document["format"] not in {_FORMAT, _ROTATED_FORMAT}:
        raise ValueError("unknown format")
    return Pki(
        authorities={Signer(name): _read(item) for name, item in document["authorities"].items()},
        leaves={name: _read(item) for name, item in document["leaves"].items()},
        service_account_key=Secret(document["serviceAccountKey"]),
        encryption_keys=tuple(EncryptionKey(item["name"], Secret(item["key"])) for item in document["encryptionKeys"]),
        rotations={Rotated(name): read_rotation(item) for name, item in document.get("rotations", {}).items()},
        former=tuple(map(str, document.get("former", ()))),
    )
