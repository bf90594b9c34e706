"""The pages in Airflow's own API server, in process, with its own ways to log in."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi.testclient import TestClient

from windlass.domain.apply.created import CreatedRecord
from windlass.domain.lease import Owner
from windlass.domain.remediation import History
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.servicelog import Event
from windlass.effects.store import ClusterRecords, Leases, MemoryStore, ServiceLog
from windlass.effects.store.keys import bundle_key, created_key, lease_key, spec_key, status_key
from windlass.web import needs
from windlass.web.long_lived import spare_long_lived
from windlass.web.plugin import WindlassPlugin

ROOT = Path(__file__).resolve().parents[3]
SPEC = (ROOT / "include/clusters/ha-3-1.yaml").read_text()
NOW = datetime.now(UTC).replace(microsecond=0)
PATHS = (
    "/windlass/",
    "/windlass/api/clusters",
    "/windlass/api/clusters/demo/log",
    "/windlass/metrics",
    "/windlass/static/windlass.css",
)


def name_of_spec() -> str:
    return next(line for line in SPEC.splitlines() if "name:" in line).split("name:")[1].strip(" {}")


CLUSTER = name_of_spec()


@pytest.fixture(scope="module")
def server(all_tables: None) -> Iterator[tuple[TestClient, MemoryStore]]:
    kept = MemoryStore()
    pages = WindlassPlugin.fastapi_apps[0]
    pages["app"].dependency_overrides |= {
        needs.store: lambda: kept,
        needs.keys: lambda: MasterKeys.parse(new_master_key().reveal()),
    }
    app = create_app(apps="core")
    app.mount(pages["url_prefix"], pages["app"])
    # As Airflow does it: before the page that takes all other paths.
    app.router.routes.insert(0, app.router.routes.pop())
    with TestClient(app, raise_server_exceptions=True) as client:
        yield client, kept


@pytest.fixture
def store(server: tuple[TestClient, MemoryStore]) -> MemoryStore:
    kept = server[1]
    for item in list(kept.list("")):
        kept.delete(item.key)
    ClusterRecords(kept, CLUSTER).save_spec(SPEC)
    ClusterRecords(kept, CLUSTER).save_created(CreatedRecord(datetime.now(UTC), "a1"))
    return kept


@pytest.fixture
def client(server: tuple[TestClient, MemoryStore]) -> TestClient:
    server[0].cookies.clear()
    server[0].headers.pop("Authorization", None)
    return server[0]


def token(role: str) -> str:
    return str(get_auth_manager().generate_jwt(user=SimpleAuthManagerUser(username=role, role=role)))


@pytest.fixture
def viewer(client: TestClient) -> TestClient:
    client.headers["Authorization"] = f"Bearer {token('viewer')}"
    return client


def write(store: MemoryStore, text: str, minutes_ago: float = 0, **more: Any) -> None:
    at = NOW - timedelta(minutes=minutes_ago)
    ServiceLog(store, CLUSTER).append(Event(at, "heal_cluster", text, **more), "test")


@pytest.mark.parametrize("path", PATHS)
def test_nobody_gets_in_without_a_login_and_not_with_a_wrong_one(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer nonsense"}).status_code == 403


def test_what_is_loaded_by_the_first_answer_is_not_searched_for_garbage_again(
    viewer: TestClient, store: MemoryStore
) -> None:
    spare_long_lived.cache_clear()
    gc.unfreeze()
    assert viewer.get("/windlass/api/clusters", headers={"Authorization": "Bearer nonsense"}).status_code == 403
    assert gc.get_freeze_count() == 0
    assert viewer.get("/windlass/api/clusters").status_code == 200
    spared = gc.get_freeze_count()
    assert spared > 100_000
    assert viewer.get("/windlass/").status_code == 200
    assert gc.get_freeze_count() <= spared, "once"


@pytest.mark.parametrize("path", ["/windlass/docs", "/windlass/openapi.json", "/windlass/redoc"])
def test_what_the_api_is_made_of_is_not_told_to_strangers(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in {401, 404}


@pytest.mark.parametrize("path", ["/windlass/", "/windlass/api/clusters", f"/windlass/api/clusters/{CLUSTER}/log"])
def test_a_viewer_may_read_by_token_or_by_the_cookie_of_the_ui(
    client: TestClient, store: MemoryStore, path: str
) -> None:
    assert client.get(path, headers={"Authorization": f"Bearer {token('viewer')}"}).status_code == 200
    client.cookies.set("_token", token("viewer"))
    assert client.get(path).status_code == 200


def test_who_may_not_read_the_dag_is_turned_away(
    viewer: TestClient, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(get_auth_manager()), "is_authorized_dag", lambda *_, **__: False)
    assert viewer.get("/windlass/api/clusters").status_code == 403


def test_a_viewer_sees_no_buttons_and_whoever_may_run_does(client: TestClient, store: MemoryStore) -> None:
    def page(role: str) -> str:
        return client.get(f"/windlass/cluster/{CLUSTER}", headers={"Authorization": f"Bearer {token(role)}"}).text

    assert "/do/" not in page("viewer")
    assert f'href="/windlass/cluster/{CLUSTER}/do/heal_cluster"' in page("user")


@pytest.mark.parametrize(
    ("role", "operation", "offered"),
    [
        ("user", "apply_cluster", True),
        ("user", "upgrade_cluster", True),
        ("user", "rotate_certificates", True),
        ("viewer", "apply_cluster", False),
        ("user", "heal_cluster", False),
        ("user", "create_cluster", False),
    ],
)
def test_a_rollout_that_is_at_work_can_be_paused_by_whoever_may_start_runs(
    client: TestClient, store: MemoryStore, role: str, operation: str, *, offered: bool
) -> None:
    Leases(store, lambda _: False, lambda: NOW).acquire(CLUSTER, Owner(operation, "one"), operation)
    client.headers["Authorization"] = f"Bearer {token(role)}"
    page = client.get(f"/windlass/cluster/{CLUSTER}").text
    assert ('data-run="pause_upgrade"' in page) is offered


def test_a_cluster_is_told_at_a_glance(viewer: TestClient, store: MemoryStore) -> None:
    records = ClusterRecords(store, CLUSTER)
    subject = {"host": "cp-1", "component": "etcd", "status": "healthy", "seen_from": [], "evidence": ""}
    records.save_status({"observed": NOW.isoformat(), "hosts": {"cp-1": True}, "subjects": [subject], "findings": []})
    store.put(bundle_key(CLUSTER, "20261124T100000Z-r7", "manifest.json"), b"{}")
    store.put(bundle_key(CLUSTER, "20261124T110000Z-r9", "snapshot.sealed"), b"")

    (found,) = viewer.get("/windlass/api/clusters").json()

    assert (found["name"], found["standing"], found["services"]) == (CLUSTER, "healthy", {"healthy": 1, "wanted": 1})
    assert (found["backup"]["newest"], found["backup"]["proven"]) == ("20261124T100000Z-r7", None)
    assert found["operation"] is None
    assert viewer.get(f"/windlass/api/clusters/{CLUSTER}/bundles").json()[0]["revision"] == 7


def test_what_is_under_way_and_what_needs_help_come_first(viewer: TestClient, store: MemoryStore) -> None:
    leases = Leases(store, lambda _: False, lambda: NOW)
    leases.acquire(CLUSTER, Owner("heal_cluster", "one"), "heal_cluster")
    found = viewer.get(f"/windlass/api/clusters/{CLUSTER}").json()
    assert (found["standing"], found["operation"]["run_id"]) == ("repairing", "one")
    ClusterRecords(store, CLUSTER).save_repairs(History(alerts={"etcd": "etcd cannot reach quorum"}))
    assert viewer.get(f"/windlass/api/clusters/{CLUSTER}").json()["standing"] == "needs help"
    assert "etcd cannot reach quorum" in viewer.get("/windlass/").text


def test_the_log_is_filtered_and_followed(viewer: TestClient, store: MemoryStore) -> None:
    write(store, "first", 3, host="cp-1")
    write(store, "second", 2, level="warning", host="cp-2")
    write(store, "third", 1, level="error")
    path = f"/windlass/api/clusters/{CLUSTER}/log"

    def texts(query: str = "") -> list[str]:
        return [one["text"] for one in viewer.get(path + query).json()]

    assert texts() == ["third", "second", "first"]
    assert texts("?level=warning") == ["third", "second"]
    assert texts("?host=cp-1") == ["first"]
    assert texts("?text=SEC") == ["second"]
    assert texts("?limit=1") == ["third"]
    newest = viewer.get(path + "?limit=1").json()[0]["name"]
    assert texts(f"?after={newest}") == []
    write(store, "fourth")
    assert texts(f"?after={newest}") == ["fourth"]
    assert viewer.get(path + "?limit=0").status_code == 422


def test_what_people_wrote_is_shown_as_text_and_never_run(viewer: TestClient, store: MemoryStore) -> None:
    write(store, "<script>alert(1)</script>", reason="<img src=x>")
    answer = viewer.get(f"/windlass/cluster/{CLUSTER}")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert" in answer.text
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_an_unknown_cluster_and_an_unknown_file_are_not_found(viewer: TestClient, store: MemoryStore) -> None:
    assert viewer.get("/windlass/api/clusters/none").status_code == 404
    assert viewer.get("/windlass/cluster/none").status_code == 404
    assert viewer.get("/windlass/static/..%2Fapp.py").status_code == 404


def test_a_spec_that_cannot_be_read_hides_no_other(viewer: TestClient, store: MemoryStore) -> None:
    ClusterRecords(store, "broken").save_spec("kind: [")
    found = {one["name"]: one for one in viewer.get("/windlass/api/clusters").json()}
    assert set(found) == {"broken", CLUSTER}
    assert "error" in found["broken"]
    assert viewer.get("/windlass/").status_code == 200


@pytest.mark.parametrize(
    ("key", "data"),
    [(spec_key, b"\xff\xfe"), (status_key, b"{"), (status_key, b'{"subjects": [1]}'), (lease_key, b"[]")],
)
def test_nothing_that_lies_in_the_store_hides_other_clusters(
    viewer: TestClient, store: MemoryStore, key: Callable[[str], str], data: bytes
) -> None:
    ClusterRecords(store, "broken").save_spec(SPEC.replace(CLUSTER, "broken"))
    ClusterRecords(store, "broken").save_created(CreatedRecord(datetime.now(UTC), "a1"))
    store.put(key("broken"), data)
    found = {one["name"]: one for one in viewer.get("/windlass/api/clusters").json()}
    assert "error" in found["broken"]
    assert "error" not in found[CLUSTER]
    assert viewer.get("/windlass/").status_code == 200


def test_a_cluster_that_was_never_verified_is_being_created_whatever_is_wrong_with_it(
    viewer: TestClient, store: MemoryStore
) -> None:
    records = ClusterRecords(store, CLUSTER)
    created = records.created()
    assert created is not None
    store.delete(created_key(CLUSTER))
    try:
        assert viewer.get(f"/windlass/api/clusters/{CLUSTER}").json()["standing"] == "being created"
        assert "being created" in viewer.get("/windlass/").text
    finally:
        records.save_created(created)
