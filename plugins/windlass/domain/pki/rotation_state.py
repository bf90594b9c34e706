"""How far the change of an authority or a key has come, as a value that is stored with the PKI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from windlass.domain.bounded import moment
from windlass.domain.pki.certificates import Credential
from windlass.domain.secret import Secret


@dataclass(frozen=True)
class EncryptionKey:
    """One key for Secrets at rest: its name in the configuration, and 32 random bytes as base64."""

    name: str
    key: Secret


class Rotated(Enum):
    """What can be changed in a running cluster."""

    LEAVES = "leaves"
    """Every certificate that is no authority."""
    KUBERNETES_CA = "kubernetes-ca"
    ETCD_CA = "etcd-ca"
    FRONT_PROXY_CA = "front-proxy-ca"
    SERVICE_ACCOUNT = "service-account"
    """The key that signs the tokens of service accounts."""
    ENCRYPTION = "encryption"
    """The key of Secrets at rest."""


class Phase(Enum):
    """How far one change has come. A phase begins only where the one before is on every host."""

    PREPARED = "prepared"
    """The new one is made and stored; nothing uses it."""
    TRUST = "trust"
    """Everybody accepts both; what is issued, signed or encrypted is so with the old one."""
    REISSUE = "reissue"
    """What is issued, signed or encrypted is so with the new one; everybody still accepts both."""
    DROP = "drop"
    """Only the new one is accepted. With this the change is over, and nothing is kept of it."""


Material = Credential | EncryptionKey | Secret


@dataclass(frozen=True)
class Rotation:
    """One change under way."""

    phase: Phase
    since: datetime
    """When the phase began."""
    other: Material | None = None
    """The next one until it is in use, and from then on the old one; None for leaves."""

    @property
    def trusts_both(self) -> bool:
        """Whether hosts know of the other one."""
        return self.phase in {Phase.TRUST, Phase.REISSUE}


def write_rotation(rotation: Rotation) -> dict[str, Any]:
    """Return a rotation as plain values with its key in clear: for sealing, nothing else."""
    return {
        "phase": rotation.phase.value,
        "since": rotation.since.isoformat(),
        "other": None if rotation.other is None else _write(rotation.other),
    }


def read_rotation(document: Mapping[str, Any]) -> Rotation:
    """Read what `write_rotation` wrote; one of `errors.MALFORMED` if it is not of that form."""
    other = document["other"]
    return Rotation(Phase(document["phase"]), moment(document["since"]), None if other is None else _read(other))


def _write(other: Material) -> dict[str, str]:
    match other:
        case Credential(certificate, key):
            return {"certificate": certificate, "key": key.reveal()}
        case EncryptionKey(name, key):
            return {"name": name, "key": key.reveal()}
        case Secret():
            return {"key": other.reveal()}


def _read(document: Mapping[str, Any]) -> Material:
    key = Secret(_text(document["key"]))
    if "certificate" in document:
        return Credential(_text(document["certificate"]), key)
    return EncryptionKey(_text(document["name"]), key) if "name" in document else key


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("certificates, names and keys are texts")
    return value
