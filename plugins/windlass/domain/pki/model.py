"""All keys and certificates of a cluster as one value, and its form for sealing."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.pki.certificates import Credential, public_pem
from windlass.domain.pki.subjects import Signer
from windlass.domain.secret import Secret
from windlass.errors import MALFORMED, IntegrityError

_FORMAT = 1


@dataclass(frozen=True)
class EncryptionKey:
    """One key for Secrets at rest: its name in the configuration, and 32 random bytes as base64."""

    name: str
    key: Secret


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

    def to_bytes(self) -> bytes:
        """Return the PKI as JSON with all keys in clear: for sealing, nothing else. Equal PKIs give equal bytes."""
        document = {
            "format": _FORMAT,
            "authorities": {signer.value: _write(authority) for signer, authority in self.authorities.items()},
            "leaves": {name: _write(leaf) for name, leaf in self.leaves.items()},
            "serviceAccountKey": self.service_account_key.reveal(),
            "encryptionKeys": [{"name": key.name, "key": key.key.reveal()} for key in self.encryption_keys],
        }
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
    credentials = [*pki.authorities.values(), *pki.leaves.values()]
    keys = [*(credential.key.reveal() for credential in credentials), pki.service_account_key.reveal()]
    public = "".join([*(item.certificate for item in credentials), public_pem(pki.service_account_key)])
    # A short last line could stand anywhere by chance, and a line of the public half stands in the certificate.
    bodies = [line for key in keys for line in key.splitlines() if not line.startswith("-----")]
    lines = [line for line in bodies if len(line) > 16 and line not in public]
    embedded = [base64.b64encode(key.encode()).decode() for key in keys]
    return [*keys, *lines, *embedded, *(key.key.reveal() for key in pki.encryption_keys)]


def _write(credential: Credential) -> dict[str, str]:
    return {"certificate": credential.certificate, "key": credential.key.reveal()}


def _read(document: Mapping[str, Any]) -> Credential:
    certificate, key = document["certificate"], document["key"]
    if not isinstance(certificate, str) or not isinstance(key, str):
        raise TypeError("certificate and key are texts")
    return Credential(certificate, Secret(key))


def _read_pki(document: Mapping[str, Any]) -> Pki:
    if document["format"] != _FORMAT:
        raise ValueError("unknown format")
    return Pki(
        authorities={Signer(name): _read(item) for name, item in document["authorities"].items()},
        leaves={name: _read(item) for name, item in document["leaves"].items()},
        service_account_key=Secret(document["serviceAccountKey"]),
        encryption_keys=tuple(EncryptionKey(item["name"], Secret(item["key"])) for item in document["encryptionKeys"]),
    )
