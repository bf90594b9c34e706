"""How one certificate differs from another, for people: its subject, the names it is for, until when it is valid."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from windlass.domain.pki.certificates import UNSOUND, alternative_names


def certificate_difference(old: bytes | None, new: bytes | None) -> str:
    """Return in words how the first certificate in `new` differs from that in `old` (both PEM); empty if unknown.

    Without `new` one is still to be issued; without `old`, or where that is none, the new one is described.
    """
    before, after = _read(old), _read(new)
    if after is None:
        return f"valid until {_end(before)}" if before else ""
    if before is None:
        return f"{after.subject.rfc4514_string()}, valid until {_end(after)}"
    return "; ".join(_differences(before, after))


def _differences(old: x509.Certificate, new: x509.Certificate) -> Iterator[str]:
    if old.subject != new.subject:
        yield f"{old.subject.rfc4514_string()} -> {new.subject.rfc4514_string()}"
    had, has = alternative_names(old), alternative_names(new)
    changed = [*(f"+{name}" for name in sorted(has - had)), *(f"-{name}" for name in sorted(had - has))]
    if changed:
        yield f"names {' '.join(changed)}"
    if old.issuer != new.issuer:
        yield f"issued by {old.issuer.rfc4514_string()} -> {new.issuer.rfc4514_string()}"
    if old.not_valid_after_utc != new.not_valid_after_utc:
        yield f"valid until {_end(old)} -> {_end(new)}"


def _end(certificate: x509.Certificate) -> str:
    return f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M}Z"


def _read(pem: bytes | None) -> x509.Certificate | None:
    if pem is None:
        return None
    try:
        found = x509.load_pem_x509_certificate(pem)
        # These are read only when they are asked for.
        _ = (found.subject, found.issuer, found.not_valid_after_utc, alternative_names(found))
    except UNSOUND:
        return None
    return found


def certificate_identity(pem: bytes) -> str:
    """Return a digest of what a certificate says, but for its key, its number and its time; ValueError if it is none.

    Two that one authority issues for the same purpose have the same.
    """
    found = x509.load_pem_x509_certificate(pem)
    extensions = sorted(
        (one.oid.dotted_string, one.value.public_bytes().hex())
        for one in found.extensions
        if one.oid != ExtensionOID.SUBJECT_KEY_IDENTIFIER
    )
    said = [found.subject.public_bytes().hex(), found.issuer.public_bytes().hex(), extensions]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
