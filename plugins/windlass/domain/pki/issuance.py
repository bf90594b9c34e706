"""Make what is missing of a cluster's PKI, keep what is good, renew what is not."""

from __future__ import annotations

import base64
import secrets as randomness
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from windlass.domain.pki.certificates import (
    CLOCK_SKEW,
    CertificateSubject,
    Credential,
    Usage,
    alternative_names,
    distinguished_name,
    issue,
    load_key,
    new_authority,
    new_key,
    private_pem,
    usage_of,
)
from windlass.domain.pki.model import Pki
from windlass.domain.pki.rotation_state import EncryptionKey
from windlass.domain.pki.subjects import ADMINS_GROUP, DesiredCertificate, Signer, desired_authorities, desired_leaves
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster
from windlass.errors import RefusedError, SpecError

_RENEW_BELOW = 1 / 3
"""A leaf with less than this share of its life left is renewed."""
_LONGEST_SHORT_LIFE = timedelta(hours=24 * 7)


@dataclass(frozen=True)
class Expiry:
    """When one certificate of a PKI ends."""

    name: str
    not_after: datetime


def issue_pki(
    cluster: Cluster, now: datetime, existing: Pki | None = None, given: Mapping[Signer, Credential] | None = None
) -> Pki:
    """Return the PKI that `cluster` should have: all of `existing` that is still good, and new what is not.

    `given` are the user's own authorities, for a cluster that has none yet. An authority is never changed here, since
    every certificate below it would fall: that is an operation of its own (`windlass.domain.pki.rotation`). That of
    people comes and goes with the spec: it is there while that lets anybody in. Leaves of
    hosts that left the spec are dropped. SpecError if an authority of the user's cannot sign.
    """
    authorities = _authorities(cluster, now, existing, given or {})
    life = timedelta(days=cluster.spec.security.certificate_days)
    leaves = {
        name: _keep_or_issue(existing.leaves.get(name) if existing else None, desired, authorities, _Period(now, life))
        for name, desired in desired_leaves(cluster).items()
    }
    return Pki(
        authorities=authorities,
        leaves=leaves,
        service_account_key=existing.service_account_key if existing else private_pem(new_key()),
        encryption_keys=existing.encryption_keys if existing else (new_encryption_key(now),),
        rotations=existing.rotations if existing else {},
        former=existing.former if existing else (),
    )


def new_encryption_key(now: datetime) -> EncryptionKey:
    """Return a new key for Secrets at rest, named after the time it was made."""
    key = base64.b64encode(randomness.token_bytes(32)).decode()
    return EncryptionKey(f"key-{now:%Y%m%d%H%M%S}", Secret(key))


def expiring(pki: Pki, now: datetime, within: timedelta) -> tuple[Expiry, ...]:
    """Return the authorities and leaves of `pki` that end within `within` of `now`, or have ended; soonest first."""
    authorities = {f"ca/{signer.value}": authority for signer, authority in pki.authorities.items()}
    credentials = {**authorities, **pki.leaves}
    ends = (Expiry(name, credential.parse().not_valid_after_utc) for name, credential in credentials.items())
    return tuple(sorted((end for end in ends if end.not_after <= now + within), key=lambda end: end.not_after))


def short_lived_admin(
    pki: Pki, user: str, now: datetime, life: timedelta, groups: tuple[str, ...] = (ADMINS_GROUP,)
) -> Credential:
    """Return a client certificate for a person; RefusedError if it would live longer than a week.

    Kubernetes cannot take a certificate back, so that a short life is the only limit.
    """
    if not timedelta(0) < life <= _LONGEST_SHORT_LIFE:
        raise RefusedError(
            f"a certificate for `{user}` of {life} is refused: Kubernetes cannot revoke it; ask for 1 hour to 7 days"
        )
    return issue(CertificateSubject(user, Usage.CLIENT, groups), pki.authorities[Signer.KUBERNETES], now, life)


_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True)
class _Period:
    now: datetime
    life: timedelta


def _authorities(
    cluster: Cluster, now: datetime, existing: Pki | None, given: Mapping[Signer, Credential]
) -> dict[Signer, Credential]:
    authorities: dict[Signer, Credential] = {}
    check_authorities(given, now)
    for signer in desired_authorities(cluster):
        if existing is not None and signer in existing.authorities:
            authorities[signer] = existing.authorities[signer]
        elif signer in given:
            authorities[signer] = given[signer]
        else:
            authorities[signer] = new_authority(authority_name(cluster.name, signer), now)
    return authorities


def authority_name(cluster: str, signer: Signer, which: str = "") -> str:
    """Return the common name of an authority, which X.509 ends at 64 characters (RFC 5280, ub-common-name).

    `which` tells one from those that it replaces.
    """
    suffix = f"-{signer.value}-ca{f'-{which}' if which else ''}"
    return cluster[: _LONGEST_COMMON_NAME - len(suffix)] + suffix


def check_authorities(given: Mapping[Signer, Credential], now: datetime) -> None:
    """SpecError if one of the user's own authorities cannot sign now; the key is never quoted."""
    for signer, authority in given.items():
        _check_authority(signer, authority, now)


def _check_authority(signer: Signer, authority: Credential, now: datetime) -> None:
    where = f"the given {signer.value} authority"
    try:
        certificate, public = authority.parse(), load_key(authority.key).public_key()
    except (ValueError, TypeError):
        reason = f"{where} is not readable; give its certificate and its unencrypted private key as PEM"
        raise SpecError(reason) from None  # the cause might quote the key
    if certificate.public_key() != public:
        raise SpecError(f"{where}: the private key is not that of the certificate; give the pair that belongs together")
    if not _may_sign(certificate):
        raise SpecError(f"{where} is no authority (basic constraints); give a certificate with CA:TRUE")
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise SpecError(
            f"{where} is valid from {certificate.not_valid_before_utc} to {certificate.not_valid_after_utc}, "
            f"which {now} is not in; give one that is valid"
        )


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _keep_or_issue(
    leaf: Credential | None, desired: DesiredCertificate, authorities: Mapping[Signer, Credential], period: _Period
) -> Credential:
    authority = authorities[desired.signer]
    if leaf is not None and _is_good(leaf.parse(), desired.subject, authority.parse(), period):
        return leaf
    return issue(desired.subject, authority, period.now, period.life)


def _is_good(leaf: x509.Certificate, subject: CertificateSubject, issuer: x509.Certificate, period: _Period) -> bool:
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    left = leaf.not_valid_after_utc - period.now
    return (
        leaf.not_valid_before_utc <= period.now
        and left > life * _RENEW_BELOW
        and life <= period.life + CLOCK_SKEW
        and leaf.subject == distinguished_name(subject)
        and alternative_names(leaf) == subject.names
        and usage_of(leaf) is subject.usage
        and is_signed_by(leaf, issuer)
    )


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether `issuer` signed `certificate`."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
