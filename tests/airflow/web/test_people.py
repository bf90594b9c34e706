"""People get certificates from Airflow's own API server, in process, by their logins to Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from fastapi.testclient import TestClient

from unit.people.samples import ACCESS, KEY, request
from windlass.airflow.connections import people_keys
from windlass.domain.people.issue_limit import MOST, WINDOW
from windlass.domain.pki import new_authority
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.effects.clock import Clock
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog
from windlass.effects.store.people import PeopleRecords
from windlass.web import needs

NOW = datetime.now(UTC).replace(microsecond=0)
MASTER = MasterKeys.parse(new_master_key().reveal())
KEYS = MASTER.for_people()
OPENED = replace(
    ACCESS,
    authority=new_authority("demo-people-ca", NOW - timedelta(days=1)),
    groups={"viewer": ("windlass:view",), "admin": ("windlass:cluster-admin",), "user:bob": ("payments",)},
)
PATH = "/windlass/api/clusters/demo/credential"
USERS = "ada:admin,bob:viewer,vic:viewer,una:user"


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    PeopleRecords(made, "demo").publish(OPENED, KEYS)
    return made


@pytest.fixture
def client(server: TestClient, pages: Any, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", USERS)
    server.cookies.clear()
    pages.dependency_overrides = {
        needs.store: lambda: store,
        people_keys: lambda: KEYS,
        needs.clock: lambda: Clock(now=lambda: NOW),
    }
    yield server
    pages.dependency_overrides = {}


def bearer(name: str, role: str) -> dict[str, str]:
    token = get_auth_manager().generate_jwt(user=SimpleAuthManagerUser(username=name, role=role))
    return {"Authorization": f"Bearer {token}"}


def ask(client: TestClient, name: str = "bob", role: str = "viewer", path: str = PATH) -> Any:
    return client.post(path, json={"csr": request()}, headers=bearer(name, role))


def test_somebody_gets_a_certificate_for_the_key_of_their_laptop(client: TestClient) -> None:
    answer = ask(client)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["user"], answer.json()["groups"]) == ("airflow:bob", ["payments", "windlass:view"])
    certificate = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
    certificate.verify_directly_issued_by(OPENED.authority.parse())
    assert certificate.public_key() == KEY.public_key()
    assert certificate.not_valid_after_utc == NOW + timedelta(hours=1)
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_certificate_is_in_the_service_log_and_is_not_itself_in_it(client: TestClient, store: MemoryStore) -> None:
    issued = ask(client).json()
    (event,) = ServiceLog(store, "demo").newest()
    certificate = x509.load_pem_x509_certificate(issued["certificate"].encode())
    assert event.text.startswith("airflow:bob (payments, windlass:view) has a certificate until ")
    assert event.details == {
        "user": "airflow:bob",
        "groups": ["payments", "windlass:view"],
        "roles": ["viewer"],
        "serial": f"{certificate.serial_number:x}",
        "expires": issued["expires"],
    }
    assert "BEGIN" not in json.dumps(event.details)


def test_the_private_key_is_neither_asked_for_nor_taken(client: TestClient) -> None:
    pem = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    answer = client.post(PATH, json={"csr": pem}, headers=bearer("bob", "viewer"))
    assert answer.status_code == 403
    assert pem.splitlines()[1] not in answer.text


def test_nobody_gets_one_without_a_login(client: TestClient, store: MemoryStore) -> None:
    assert client.post(PATH, json={"csr": request()}).status_code == 401
    answer = client.post(PATH, json={"csr": request()}, headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 403
    assert not ServiceLog(store, "demo").newest()


def test_who_was_removed_gets_no_more_although_their_token_is_still_good(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(client).status_code == 200
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ada:admin")
    answer = ask(client)
    assert (answer.status_code, answer.json()["detail"]) == (403, "Airflow knows no `bob` (any more)")


def test_the_role_is_the_one_of_today_and_not_the_one_of_the_token(client: TestClient) -> None:
    assert ask(client, "vic", "admin").json()["groups"] == ["windlass:view"]


def test_who_has_no_group_is_told_so(client: TestClient) -> None:
    answer = ask(client, "una", "user")
    assert answer.status_code == 403
    assert "`una` has no group in this cluster (roles in Airflow: user)" in answer.json()["detail"]


def test_an_airflow_that_asks_nobody_who_they_are_vouches_for_nobody(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    assert "vouch for nobody" in ask(client, "ada", "admin").json()["detail"]


@pytest.mark.parametrize("path", [PATH.replace("demo", "none"), PATH.replace("demo", "..%2Fdemo")])
def test_a_cluster_that_lets_nobody_in_is_not_found(client: TestClient, store: MemoryStore, path: str) -> None:
    before = [item.key for item in store.list("")]
    assert ask(client, path=path).status_code == 404
    assert [item.key for item in store.list("")] == before


def test_what_a_kubeconfig_is_made_of_has_no_key(client: TestClient) -> None:
    answer = client.get("/windlass/api/clusters/demo/access", headers=bearer("bob", "viewer"))
    assert answer.json() == {
        "cluster": "demo",
        "contexts": [{"name": "demo", "server": "https://192.0.2.11:6443"}],
        "authority": OPENED.server_authority,
    }
    assert "PRIVATE" not in answer.text


def test_one_person_is_slowed_down_and_others_are_not(client: TestClient, store: MemoryStore) -> None:
    for _ in range(MOST):
        assert ask(client).status_code == 200
    answer = ask(client)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) == WINDOW.total_seconds()
    assert ask(client, "vic").status_code == 200
    assert len(ServiceLog(store, "demo").newest(200)) == MOST + 1


def test_a_request_without_a_groups_right_costs_no_count(client: TestClient, store: MemoryStore) -> None:
    for _ in range(MOST + 1):
        assert ask(client, "una", "user").status_code == 403
    assert not list(store.list("clusters/demo/credentials/"))


def test_an_api_server_without_the_key_names_the_setting(
    client: TestClient, pages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del pages.dependency_overrides[people_keys]
    monkeypatch.setattr("windlass.airflow.connections.find_connection", missing)
    answer = ask(client)
    assert answer.status_code == 500
    assert "AIRFLOW_CONN_WINDLASS_PEOPLE_KEY" in answer.json()["detail"]
    assert "windlass people-key" in answer.json()["detail"]


def missing(conn_id: str) -> Any:
    from windlass.errors import SpecError  # noqa: PLC0415

    raise SpecError(f"Airflow has no connection `{conn_id}`")


@pytest.mark.parametrize("connection", ["WINDLASS_PEOPLE_KEY", "WINDLASS_MASTER_KEY"])
def test_either_key_will_do(monkeypatch: pytest.MonkeyPatch, connection: str) -> None:
    key = KEYS if connection == "WINDLASS_PEOPLE_KEY" else MASTER
    value = json.dumps({"conn_type": "generic", "password": key.keys[0].key.reveal()})
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection}", value)
    assert people_keys() == KEYS


def fab_user(**more: Any) -> SimpleNamespace:
    """As FabAuthManager's own: `get_name` is the name to log in with, roles are objects with names."""
    roles = [SimpleNamespace(name="Admin"), SimpleNamespace(name="Viewer")]
    values = {"is_anonymous": False, "roles": roles, "get_name": lambda: "fay", "get_id": lambda: "7", **more}
    return SimpleNamespace(**values)


@pytest.fixture
def as_user(client: TestClient, pages: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    monkeypatch.setattr("windlass.web.login.get_auth_manager", object)
    monkeypatch.setattr(type(get_auth_manager()), "is_authorized_dag", lambda *_, **__: True)

    def asked(user: Any) -> Any:
        pages.dependency_overrides[get_user] = lambda: user
        return client.post(PATH, json={"csr": request()})

    return asked


def test_a_user_of_fab_has_all_of_their_roles(as_user: Callable[[Any], Any], store: MemoryStore) -> None:
    groups = {"Admin": ("windlass:admin",), "Viewer": ("windlass:view",), "Op": ("windlass:edit",)}
    PeopleRecords(store, "demo").publish(replace(OPENED, groups=groups), KEYS)
    answer = as_user(fab_user()).json()
    assert (answer["user"], answer["groups"]) == ("airflow:fay", ["windlass:admin", "windlass:view"])


def test_an_anonymous_user_gets_nothing(as_user: Callable[[Any], Any]) -> None:
    assert as_user(fab_user(is_anonymous=True)).status_code == 403


def test_of_other_auth_managers_the_id_is_the_name(as_user: Callable[[Any], Any], store: MemoryStore) -> None:
    PeopleRecords(store, "demo").publish(replace(OPENED, groups={"user:7": ("payments",)}), KEYS)
    answer = as_user(SimpleNamespace(get_name=lambda: "bob", get_id=lambda: "7")).json()
    assert (answer["user"], answer["groups"]) == ("airflow:7", ["payments"])


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_cluster_that_lets_somebody_not_see_it_is_to_them_as_if_it_were_not_there(
    client: TestClient, store: MemoryStore, method: str
) -> None:
    ClusterRecords(store, "demo").save_spec(json.dumps({"spec": {"access": {"roles": {"admin": ["see"]}}}}))

    def answer(name: str, role: str, cluster: str) -> Any:
        path = f"/windlass/api/clusters/{cluster}/{'access' if method == 'GET' else 'credential'}"
        given = None if method == "GET" else {"csr": request()}
        return client.request(method, path, json=given, headers=bearer(name, role))

    assert answer("ada", "admin", "demo").status_code == 200
    hidden, absent = answer("bob", "viewer", "demo"), answer("bob", "viewer", "other")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert hidden.json()["detail"].replace("demo", "other") == absent.json()["detail"]
