"""What whoever signs for people never signs, whatever Airflow and the spec say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from unit.people.samples import ACCESS, ADA, AUTHORITY, KEY, NOW, request
from windlass.domain.people import Login, PeopleAccess, read_request, sign_person
from windlass.domain.pki import Credential, new_authority
from windlass.errors import IntegrityError, RefusedError

RESERVED = st.sampled_from(["system:masters", "system:nodes", "windlass:admins", "windlass:kubelet-api", "system:"])
NAMES = st.one_of(st.text(max_size=70), RESERVED, st.builds("{}{}".format, RESERVED, st.text(max_size=9)))
GROUPS = st.one_of(NAMES, st.sampled_from(["windlass:view", "payments"]))


def parts(pem: str, oid: x509.ObjectIdentifier) -> list[str]:
    subject = x509.load_pem_x509_certificate(pem.encode()).subject
    return [str(one.value) for one in subject.get_attributes_for_oid(oid)]


def test_somebody_gets_the_groups_of_their_roles_and_their_own() -> None:
    issued = sign_person(ACCESS, ADA, KEY.public_key(), NOW)
    assert (issued.user, issued.groups) == ("airflow:ada", ("payments", "windlass:view"))
    assert parts(issued.certificate, NameOID.COMMON_NAME) == ["airflow:ada"]
    assert sorted(parts(issued.certificate, NameOID.ORGANIZATION_NAME)) == ["payments", "windlass:view"]
    assert issued.expires == NOW + timedelta(hours=1)


def test_it_is_a_clients_certificate_and_no_authority() -> None:
    certificate = x509.load_pem_x509_certificate(sign_person(ACCESS, ADA, KEY.public_key(), NOW).certificate.encode())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    certificate.verify_directly_issued_by(AUTHORITY.parse())
    assert certificate.public_key() == KEY.public_key()


@given(
    login=st.builds(Login, NAMES, st.frozensets(NAMES, max_size=3), st.frozensets(NAMES, max_size=2)),
    groups=st.dictionaries(NAMES, st.lists(GROUPS, max_size=3).map(tuple), max_size=3),
    mine=st.lists(GROUPS, min_size=1, max_size=3).map(tuple),
    minutes=st.integers(min_value=1, max_value=10**6),
)
def test_no_login_and_no_mapping_makes_a_component_of_anybody(
    login: Login, groups: dict[str, tuple[str, ...]], mine: tuple[str, ...], minutes: int
) -> None:
    given_groups = {**groups, f"user:{login.name}": mine}
    access = replace(ACCESS, groups=given_groups, minutes=minutes)
    try:
        issued = sign_person(access, login, KEY.public_key(), NOW)
    except RefusedError:
        return
    (name,) = parts(issued.certificate, NameOID.COMMON_NAME)
    assert name == f"airflow:{login.name}"
    organizations = parts(issued.certificate, NameOID.ORGANIZATION_NAME)
    assert set(organizations) <= {group for named in given_groups.values() for group in named}
    assert not [one for one in organizations if one.startswith("system:")]
    assert not {"windlass:admins", "windlass:kubelet-api"} & set(organizations)
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    assert NOW < certificate.not_valid_after_utc <= NOW + timedelta(hours=1)


@given(role=st.sampled_from(["user:ada", "team:payments"]))
def test_no_role_passes_for_a_person_or_a_team(role: str) -> None:
    access = replace(ACCESS, groups={role: ("payments",)})
    with pytest.raises(RefusedError, match=r"`eve` has no group in this cluster \(roles in Airflow: "):
        sign_person(access, Login("eve", frozenset({role})), KEY.public_key(), NOW)


def test_the_groups_of_a_team_are_its_members() -> None:
    access = replace(ACCESS, groups={"team:payments": ("payments",)})
    login = Login("eve", teams=frozenset({"payments"}))
    assert sign_person(access, login, KEY.public_key(), NOW).groups == ("payments",)


def test_a_forged_mapping_is_refused_as_a_whole() -> None:
    access = replace(ACCESS, groups={"Viewer": ("windlass:view", "system:masters")})
    with pytest.raises(RefusedError, match="`system:masters` is a group of Kubernetes' own components"):
        sign_person(access, ADA, KEY.public_key(), NOW)


@pytest.mark.parametrize("name", ["", " ", "ada\nsystem:masters", "a\x00", "x" * 57, "\U00010000" * 15, "\ud800"])
def test_a_name_that_no_certificate_carries_is_refused(name: str) -> None:
    access = replace(ACCESS, groups={f"user:{name}": ("payments",)})
    with pytest.raises(RefusedError, match="in Airflow"):
        sign_person(access, Login(name), KEY.public_key(), NOW)


@pytest.mark.parametrize("minutes", [1, 5, 60])
def test_a_life_can_be_shorter(minutes: int) -> None:
    issued = sign_person(replace(ACCESS, minutes=minutes), ADA, KEY.public_key(), NOW)
    assert issued.expires == NOW + timedelta(minutes=minutes)


def test_an_authority_that_has_ended_signs_nothing() -> None:
    old = replace(ACCESS, authority=new_authority("old", NOW - timedelta(days=3650)))
    with pytest.raises(RefusedError, match="ended at"):
        sign_person(old, ADA, KEY.public_key(), NOW)


def test_of_a_request_only_the_key_is_read() -> None:
    assert read_request(request(subject="system:admin")) == KEY.public_key()


def test_a_request_for_the_key_of_somebody_else_is_refused() -> None:
    body = bytearray(x509.load_pem_x509_csr(request().encode()).public_bytes(Encoding.DER))
    body[-1] ^= 1
    changed = x509.load_der_x509_csr(bytes(body)).public_bytes(Encoding.PEM).decode()
    with pytest.raises(RefusedError, match="signature by its own key"):
        read_request(changed)


@pytest.mark.parametrize("text", ["", "x", "\ud800", "x" * 20_000, AUTHORITY.certificate])
def test_what_is_no_request_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(RefusedError, match="no certificate signing request") as caught:
        read_request(text)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "weak",
    [
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - to be refused
        ec.generate_private_key(ec.SECP192R1()),
        dsa.generate_private_key(2048),
    ],
)
def test_a_weak_key_is_refused(weak: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(RefusedError):
        read_request(request(weak))


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())])
def test_usual_keys_are_taken(key: ec.EllipticCurvePrivateKey) -> None:
    assert read_request(request(key)) == key.public_key()


def test_an_ed25519_key_is_taken() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, None)
    assert read_request(made.public_bytes(Encoding.PEM).decode()) == key.public_key()


def test_what_lets_people_in_survives_being_stored_and_shows_no_key() -> None:
    assert PeopleAccess.from_bytes(ACCESS.to_bytes()) == ACCESS
    assert "PRIVATE KEY" not in repr(ACCESS)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"format": 2}', ACCESS.to_bytes()[:-9]])
def test_what_is_damaged_is_refused_and_not_quoted(damage: bytes) -> None:
    with pytest.raises(IntegrityError, match="apply the cluster's spec again") as caught:
        PeopleAccess.from_bytes(damage)
    assert caught.value.__context__ is None


def test_credentials_hide_their_key() -> None:
    assert "hidden" in repr(Credential(AUTHORITY.certificate, AUTHORITY.key))
