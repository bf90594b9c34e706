"""Every certificate and key of a cluster: by whom, until when, and where it is used; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509

from windlass.domain.pki.certificates import Credential
from windlass.domain.pki.layout import leaf_path
from windlass.domain.pki.model import Pki
from windlass.domain.pki.rotation_state import EncryptionKey, Phase, Rotated
from windlass.domain.pki.subjects import Signer
from windlass.domain.pki.trust import CA_OF

_USES = {
    Signer.KUBERNETES: "every host: issues for the API servers, their clients and kubelets; read by pods",
    Signer.ETCD: "hosts with etcd or an API server: issues for etcd's members and its clients",
    Signer.PEOPLE: "control-plane hosts: API servers accept people's certificates by it, and nothing else does",
    Signer.REQUESTS: "control-plane hosts, with its key: controller managers sign approved requests of the API by it",
    Signer.FRONT_PROXY: "control-plane hosts: issues for API servers as proxies of further APIs",
}
_OWN = "Windlass alone; never on a host"


@dataclass(frozen=True)
class CalendarEntry:
    """One certificate or key."""

    name: str
    """As the PKI names it: `ca/etcd`, `super-admin`, `cp-1/apiserver`, `service-account`."""
    used: str
    """Where."""
    subject: str = ""
    issuer: str = ""
    not_after: datetime | None = None
    """None for keys, which do not end."""
    state: str = "in use"
    """In use, or how far the change to or from it has come."""

    def days_left(self, now: datetime) -> int | None:
        """Return whole days until its end, negative if that has passed; None if it does not end."""
        return None if self.not_after is None else (self.not_after - now).days

    def value(self, now: datetime) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name,
            "subject": self.subject,
            "issuer": self.issuer,
            "notAfter": None if self.not_after is None else self.not_after.isoformat(),
            "daysLeft": self.days_left(now),
            "used": self.used,
            "state": self.state,
        }


def calendar(pki: Pki) -> tuple[CalendarEntry, ...]:
    """Return all of a PKI, what ends first before the rest, and keys, which do not end, after it."""
    entries = [*_authorities(pki), *_leaves(pki.leaves)]
    dated = sorted(entries, key=lambda one: (one.not_after is None, str(one.not_after), one.name))
    return (*dated, *_keys(pki))


def _authorities(pki: Pki) -> Iterator[CalendarEntry]:
    for signer, authority in pki.authorities.items():
        yield _certificate(f"ca/{signer.value}", authority, _USES[signer])
    for what, rotation in pki.rotations.items():
        if isinstance(rotation.other, Credential):
            used = "Windlass alone, until it is trusted" if rotation.phase is Phase.PREPARED else _USES[CA_OF[what]]
            yield _certificate(f"ca/{CA_OF[what].value}", rotation.other, used, _state(rotation.phase))


def _leaves(leaves: Mapping[str, Credential]) -> Iterator[CalendarEntry]:
    for name, leaf in leaves.items():
        host, is_on_host, purpose = name.partition("/")
        yield _certificate(name, leaf, f"{host}: {leaf_path(purpose)}" if is_on_host else _OWN)


def _certificate(name: str, credential: Credential, used: str, state: str = "in use") -> CalendarEntry:
    found = credential.parse()
    return CalendarEntry(name, used, _name(found.subject), _name(found.issuer), found.not_valid_after_utc, state)


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()


def _keys(pki: Pki) -> Iterator[CalendarEntry]:
    used = "control-plane hosts: API servers and controller managers sign and verify tokens with it"
    yield CalendarEntry(Rotated.SERVICE_ACCOUNT.value, used)
    if (rotation := pki.rotations.get(Rotated.SERVICE_ACCOUNT)) is not None:
        yield CalendarEntry(Rotated.SERVICE_ACCOUNT.value, used, state=_state(rotation.phase))
    used = "control-plane hosts: API servers encrypt Secrets in etcd with it"
    changed = pki.rotations.get(Rotated.ENCRYPTION)
    other = changed.other if changed is not None and isinstance(changed.other, EncryptionKey) else None
    others = {*pki.encryption_keys[1:], *([other] if other is not None else [])}
    yield CalendarEntry(f"encryption/{pki.encryption_keys[0].name}", used)
    for key in sorted(others, key=lambda one: one.name):
        state = _state(changed.phase) if changed is not None and key == other else "decrypts only"
        yield CalendarEntry(f"encryption/{key.name}", used, state=state)


def _state(phase: Phase) -> str:
    """Return how the other one of a change stands, in words."""
    return {
        Phase.PREPARED: "prepared: nothing uses it",
        Phase.TRUST: "next: accepted, not yet in use",
        Phase.REISSUE: "old: still accepted",
    }[phase]
