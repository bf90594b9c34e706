"""Check a certificate that a server presented, or that lies on a host."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from cryptography import x509

from windlass.domain.pki.certificates import UNSOUND, alternative_names
from windlass.domain.pki.issuance import is_signed_by


def check_certificate(pem: str, authority: str, names: Collection[str], now: datetime) -> tuple[str, ...]:
    """Return what is wrong with the first certificate in `pem`, as text; empty if nothing is.

    Checked are the signature by one of the certificates in `authority` (PEM), the time, and that each of `names`
    (DNS names and addresses) is among those it is for.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        issuers = x509.load_pem_x509_certificates(authority.encode())
        return (*_signature(certificate, issuers), *_time(certificate, now), *_names(certificate, names))
    except UNSOUND as error:
        return (f"not a readable certificate: {error}",)


def _signature(certificate: x509.Certificate, issuers: list[x509.Certificate]) -> tuple[str, ...]:
    if any(is_signed_by(certificate, issuer) for issuer in issuers):
        return ()
    expected = ", ".join(issuer.subject.rfc4514_string() for issuer in issuers)
    return (f"signed by `{certificate.issuer.rfc4514_string()}`, whose key is not that of `{expected}`",)


def _time(certificate: x509.Certificate, now: datetime) -> tuple[str, ...]:
    if now < certificate.not_valid_before_utc:
        return (f"valid only from {certificate.not_valid_before_utc}; is the clock of the host right?",)
    if now >= certificate.not_valid_after_utc:
        return (f"ended at {certificate.not_valid_after_utc}; seed the certificates again to renew it",)
    return ()


def _names(certificate: x509.Certificate, names: Collection[str]) -> tuple[str, ...]:
    present = alternative_names(certificate)
    missing = sorted(set(names) - present)
    if not missing:
        return ()
    return (f"not for {', '.join(missing)}, only for {', '.join(sorted(present)) or 'no name at all'}",)
