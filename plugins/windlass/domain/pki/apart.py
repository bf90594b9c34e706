"""An authority signs for one purpose of one cluster: whoever trusts it trusts all that it signs.

Kubernetes' own advice is an authority for each of the three, since etcd and the front proxy let in whatever theirs has
signed (https://kubernetes.io/docs/setup/best-practices/certificates/, "Single root CA" and its warning on the front
proxy). The keys of a whole chain count, as hosts trust all of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from windlass.domain.pki.certificates import Credential
from windlass.domain.pki.subjects import Signer
from windlass.errors import RefusedError

_REMEDY = "give an authority of its own, or none, and Windlass makes it"


def refuse_shared_purposes(given: Mapping[Signer, Credential]) -> None:
    """RefusedError if two of the authorities given, or their chains, have a key in common."""
    purposes = {signer: trusted_keys(authority) for signer, authority in given.items()}
    for index, (signer, keys) in enumerate(purposes.items()):
        for other in list(purposes)[:index]:
            if keys & purposes[other]:
                raise RefusedError(
                    f"spec.pki.ca: the {signer.value} and the {other.value} authority share a key, so that what one "
                    f"of them signs is let in by the other's servers; {_REMEDY}"
                )


def refuse_shared_clusters(given: Mapping[Signer, Credential], other: str, theirs: Mapping[Signer, Credential]) -> None:
    """RefusedError if the cluster `other` trusts a key of an authority given, for whatever purpose."""
    taken = frozenset().union(*(trusted_keys(authority) for authority in theirs.values()))
    for signer, authority in given.items():
        if trusted_keys(authority) & taken:
            raise RefusedError(
                f"spec.pki.ca: the given {signer.value} authority is one that the cluster `{other}` trusts, so that "
                f"whoever is let in there is let in here; {_REMEDY}"
            )


def trusted_keys(authority: Credential) -> frozenset[bytes]:
    """Return the public keys (DER) of an authority and its chain; ValueError if they are no certificates."""
    certificates = x509.load_pem_x509_certificates(authority.certificate.encode())
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return frozenset(certificate.public_key().public_bytes(*form) for certificate in certificates)
