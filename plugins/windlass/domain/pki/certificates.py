"""Keys and certificates: authorities that sign, leaves that are signed; the clock is always given."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from windlass.domain.secret import Secret
from windlass.errors import RefusedError

AUTHORITY_LIFE = timedelta(days=3650)
CLOCK_SKEW = timedelta(minutes=5)
"""How far back a certificate begins, so that a host whose clock is a little behind accepts it at once."""


class Usage(Enum):
    """What a leaf may prove: that it is a server, a client, or (an etcd peer) both."""

    SERVER = "server"
    CLIENT = "client"
    BOTH = "both"


_EXTENDED = {
    Usage.SERVER: (ExtendedKeyUsageOID.SERVER_AUTH,),
    Usage.CLIENT: (ExtendedKeyUsageOID.CLIENT_AUTH,),
    Usage.BOTH: (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
}


@dataclass(frozen=True)
class CertificateSubject:
    """Whom a leaf names: its common name (a user, to Kubernetes), its groups, and its DNS names and addresses."""

    common_name: str
    usage: Usage
    groups: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


UNSOUND = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension,
              x509.UnsupportedGeneralNameType)  # fmt: skip
"""What `cryptography` raises of bytes that are no sound certificate: some of it only when a part of it is asked for."""


@dataclass(frozen=True)
class Credential:
    """A certificate (PEM; more than one is a chain that begins with the credential's own) and its private key."""

    certificate: str
    key: Secret

    def parse(self) -> x509.Certificate:
        """Return the credential's own certificate."""
        return x509.load_pem_x509_certificate(self.certificate.encode())


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new ECDSA P-256 key: small, fast, and understood by etcd, Kubernetes and gRPC alike."""
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: CertificateIssuerPrivateKeyTypes) -> Secret:
    """Return `key` as unencrypted PKCS #8."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Secret(pem.decode())


def load_key(pem: Secret) -> CertificateIssuerPrivateKeyTypes:
    """Return the private key in `pem`; ValueError if there is none."""
    key = serialization.load_pem_private_key(pem.reveal_bytes(), password=None)
    return cast("CertificateIssuerPrivateKeyTypes", key)


def public_pem(pem: Secret) -> str:
    """Return the public half of the private key in `pem`, as SubjectPublicKeyInfo."""
    public = load_key(pem).public_key()
    encoded = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


def new_authority(common_name: str, now: datetime) -> Credential:
    """Return a new self-signed authority that may sign leaves and nothing below further authorities."""
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    return Credential(_pem(builder.sign(key, hashes.SHA256())), private_pem(key))


def issue(subject: CertificateSubject, authority: Credential, now: datetime, life: timedelta) -> Credential:
    """Return a new key with a certificate for `subject`, valid for `life` but never longer than its authority.

    RefusedError if the authority's own certificate has ended.
    """
    key = new_key()
    return Credential(certify(subject, key.public_key(), authority, now, life), private_pem(key))


def certify(
    subject: CertificateSubject,
    public: CertificatePublicKeyTypes,
    authority: Credential,
    now: datetime,
    life: timedelta,
) -> str:
    """Return a certificate (PEM) for `subject` with a public key whose private half is elsewhere; as `issue` else."""
    issuer = authority.parse()
    if issuer.not_valid_after_utc <= now:
        raise RefusedError(
            f"no certificate for `{subject.common_name}` can be issued: its authority "
            f"`{issuer.subject.rfc4514_string()}` ended at {issuer.not_valid_after_utc}; rotate the authority first"
        )
    builder = (
        x509.CertificateBuilder()
        .subject_name(distinguished_name(subject))
        .issuer_name(issuer.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(min(now + life, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_EXTENDED[subject.usage]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_authority_identifier(issuer), critical=False)
    )
    if subject.names:
        alternatives = x509.SubjectAlternativeName(general_names(sorted(subject.names)))
        builder = builder.add_extension(alternatives, critical=False)
    return _pem(builder.sign(load_key(authority.key), hashes.SHA256()))


def distinguished_name(subject: CertificateSubject) -> x509.Name:
    """Return the X.509 name of `subject`: groups are organizations, as Kubernetes reads them."""
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in subject.groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)])


def general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    """Return DNS names and IP addresses as a certificate carries them."""
    return [_general_name(name) for name in names]


def alternative_names(certificate: x509.Certificate) -> frozenset[str]:
    """Return the DNS names and addresses that `certificate` is for, as text."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    dns = extension.get_values_for_type(x509.DNSName)
    return frozenset([*dns, *(str(address) for address in extension.get_values_for_type(x509.IPAddress))])


def usage_of(certificate: x509.Certificate) -> Usage | None:
    """Return what `certificate` may prove, or None if it is none of the three."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return next((usage for usage, oids in _EXTENDED.items() if set(oids) == set(extension)), None)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _authority_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:  # a user's own authority may lack it
        public = cast("ec.EllipticCurvePublicKey", issuer.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,  # ECDSA keys only sign
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
