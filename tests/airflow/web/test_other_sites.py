"""What another site has a browser send, with the cookie that it holds, changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import FastAPI
from fastapi.testclient import TestClient

from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.effects.store import MemoryStore
from windlass.web import needs
from windlass.web.guard import ClusterGuard
from windlass.web.origin import why_foreign

OWN = "https://airflow.example.com"
FOREIGN: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.com"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://testserver:8081"},
    {"Origin": "null"},
)
HERE: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://testserver"},
    {},
)
CHANGES = (
    ("POST", "/windlass/api/spec/check", {"text": "kind: Cluster"}),
    ("POST", "/windlass/api/commands", {"command": "master-key", "key": "k"}),
    ("POST", "/windlass/api/clusters/demo/credential", {"csr": "x"}),
)
QUESTION = "/api/v2/dags/apply_cluster/dagRuns/a/taskInstances/approval/-1/hitlDetails"
RUNS = (
    ("POST", "/api/v2/dags/apply_cluster/dagRuns", {"conf": {"cluster": "demo"}}),
    ("PATCH", QUESTION, {"chosen_options": ["Approve"]}),
    ("DELETE", "/api/v2/dags/apply_cluster/dagRuns/a", None),
)


def token() -> str:
    return str(get_auth_manager().generate_jwt(user=SimpleAuthManagerUser(username="ada", role="admin")))


@pytest.fixture
def browser(server: TestClient, pages: Any) -> Any:
    kept, keys = MemoryStore(), MasterKeys.parse(new_master_key().reveal())
    pages.dependency_overrides |= {needs.store: lambda: kept, needs.keys: lambda: keys}
    server.headers.pop("Authorization", None)
    server.cookies.set("_token", token())
    yield server
    server.cookies.clear()


@pytest.fixture(scope="module")
def airflow() -> TestClient:
    """Answer 200 to each request that the guard lets pass."""
    behind = FastAPI()

    @behind.api_route("/{path:path}", methods=["POST", "PATCH", "DELETE"])
    async def anything() -> str:
        return "passed"

    behind.add_middleware(ClusterGuard, open_store=MemoryStore)
    return TestClient(behind, cookies={"_token": token()})


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_nothing_of_windlass_takes_a_post_of_another_site(
    browser: TestClient, method: str, path: str, body: Any, headers: dict[str, str]
) -> None:
    answer = browser.request(method, path, json=body, headers=headers)
    assert (answer.status_code, "another site" in answer.json()["detail"]) == (403, True)


@pytest.mark.parametrize("headers", HERE)
def test_the_pages_themselves_may(browser: TestClient, headers: dict[str, str]) -> None:
    assert browser.post("/windlass/api/spec/check", json={"text": "kind: Cluster"}, headers=headers).status_code == 200


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(("method", "path", "body"), RUNS)
def test_no_other_site_starts_or_steers_a_run_or_answers_a_question(
    airflow: TestClient, method: str, path: str, body: Any, headers: dict[str, str]
) -> None:
    answer = airflow.request(method, path, json=body, headers=headers)
    assert (answer.status_code, "another site" in answer.json()["detail"]) == (403, True)


@pytest.mark.parametrize("headers", HERE)
def test_airflows_own_pages_and_programs_do(airflow: TestClient, headers: dict[str, str]) -> None:
    method, path, body = RUNS[0]
    assert airflow.request(method, path, json=body, headers=headers).status_code == 200


def test_a_token_is_no_cookie_and_other_dags_are_airflows_business(airflow: TestClient) -> None:
    foreign, (method, path, body) = FOREIGN[0], RUNS[0]
    with_token = {**foreign, "Authorization": f"Bearer {token()}"}
    assert airflow.request(method, path, json=body, headers=with_token).status_code == 200
    assert airflow.post("/api/v2/dags/somebodys/dagRuns", json=body, headers=foreign).status_code == 200


def test_a_proxy_that_changes_the_host_is_told_by_airflows_own_address() -> None:
    headers = {"host": "10.0.0.7:8080", "origin": OWN}
    assert why_foreign("POST", headers)
    assert not why_foreign("POST", headers, f"{OWN}/airflow")
    assert not why_foreign("GET", headers)


def test_only_what_takes_the_cookies_place_is_a_token() -> None:
    assert why_foreign("POST", {"sec-fetch-site": "cross-site", "authorization": "Basic YTpi"})
    assert not why_foreign("POST", {"sec-fetch-site": "cross-site", "authorization": "bearer abc"})
