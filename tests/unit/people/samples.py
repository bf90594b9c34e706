"""Somebody, a cluster that they get into, and the request of their laptop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from windlass.domain.people import Login, PeopleAccess
from windlass.domain.pki import KubeconfigContext, new_authority

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
AUTHORITY = new_authority("demo-people-ca", NOW - timedelta(days=1))
ADA = Login("ada", frozenset({"Viewer"}))
ACCESS = PeopleAccess(
    cluster="demo",
    authority=AUTHORITY,
    server_authority=new_authority("demo-kubernetes-ca", NOW).certificate,
    contexts=(KubeconfigContext("demo", "https://192.0.2.11:6443"),),
    groups={"Viewer": ("windlass:view",), "Admin": ("windlass:cluster-admin",), "user:ada": ("payments",)},
    minutes=60,
)


def request(key: ec.EllipticCurvePrivateKey = KEY, subject: str = "x") -> str:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
            x509.NameAttribute(NameOID.COMMON_NAME, subject),
        ]
    )
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )
