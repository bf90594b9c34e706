"""Sign a person's certificate: the key is the laptop's, all else is what Airflow and the spec say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from windlass.domain.people.access import PeopleAccess
from windlass.domain.people.login import Login, groups_of, kubernetes_name
from windlass.domain.pki.certificates import UNSOUND, CertificateSubject, Usage, certify
from windlass.domain.spec.access import MOST_MINUTES
from windlass.errors import RefusedError

MOST_BYTES = 16 * 1024
"""Of a signing request: one for a key of 8192 bits has less than a quarter of it."""
_RSA_BITS = range(2048, 8192 + 1)
_NO_REQUEST = "this is no certificate signing request (PKCS #10, PEM) with a signature by its own key"


@dataclass(frozen=True)
class PersonCertificate:
    """What was issued, all of it public."""

    certificate: str
    """PEM."""
    user: str
    groups: tuple[str, ...]
    serial: str
    """In hex, as in the audit log of API servers nothing else tells two certificates of one person apart."""
    expires: datetime


def read_request(pem: str) -> CertificatePublicKeyTypes:
    """Return the public key of a signing request; RefusedError if whoever made it does not have the private one.

    What else it says, a name above all, is not read.
    """
    if len(pem) > MOST_BYTES:
        raise RefusedError(f"{_NO_REQUEST}: it is longer than {MOST_BYTES} bytes")
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        public = request.public_key()
        is_its_own = request.is_signature_valid
    except UNSOUND:
        raise RefusedError(_NO_REQUEST) from None
    if not is_its_own:
        raise RefusedError(_NO_REQUEST)
    if not _is_strong(public):
        raise RefusedError("this kind of key is not signed for; use ECDSA (P-256 or more), Ed25519 or RSA (2048 bits)")
    return public


def _is_strong(public: CertificatePublicKeyTypes) -> bool:
    if isinstance(public, rsa.RSAPublicKey):
        return public.key_size in _RSA_BITS
    if isinstance(public, ec.EllipticCurvePublicKey):
        return isinstance(public.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1)
    return isinstance(public, ed25519.Ed25519PublicKey)


def sign_person(
    access: PeopleAccess, login: Login, public: CertificatePublicKeyTypes, now: datetime
) -> PersonCertificate:
    """Return a certificate for `login`, which ends within the hour; RefusedError if they may have none."""
    subject = CertificateSubject(kubernetes_name(login), Usage.CLIENT, groups_of(login, access.groups))
    life = timedelta(minutes=min(access.minutes, MOST_MINUTES))
    certificate = certify(subject, public, access.authority, now, life)
    issued = x509.load_pem_x509_certificate(certificate.encode())
    return PersonCertificate(
        certificate, subject.common_name, subject.groups, f"{issued.serial_number:x}", issued.not_valid_after_utc
    )
