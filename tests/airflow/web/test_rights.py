"""Who may see, run, approve and delete is decided for each cluster: on the pages, and of requests to Airflow's API."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.asset import AssetModel
from airflow.models.base import Base
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import insert

from windlass.domain.authenticity import RecordKeys
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.effects.store import AuthenticatedStore, ClusterRecords, MemoryStore, Store
from windlass.errors import SpecError, UnreachableError
from windlass.web import app as web
from windlass.web import needs
from windlass.web.actions import ACTIONS
from windlass.web.guard import AirflowRecords, ClusterGuard
from world.specs import SMALL

ROLES = {
    "see": {"viewer": ["see"]},
    "operate": {"user": ["operate"]},
    "approve": {"op": ["approve"]},
    "delete": {"admin": ["delete"]},
}
OURS: dict[str, list[str]] = {role: rights for one in ROLES.values() for role, rights in one.items()}
RIGHT_OF = {role: rights[0] for role, rights in OURS.items()}
RUNS = {"mine": "run-mine", "theirs": "run-theirs", "free": "run-free"}
"""Clusters: one that lets each role do one thing, one that lets none of them do anything, one that says nothing."""


def spec(name: str, access: dict[str, Any]) -> str:
    document = yaml.safe_load(SMALL.replace("demo", name))
    document["spec"]["access"] = access
    return json.dumps(document)


@pytest.fixture(scope="module")
def kept() -> MemoryStore:
    store = MemoryStore()
    ClusterRecords(store, "mine").save_spec(spec("mine", {"roles": OURS}))
    ClusterRecords(store, "theirs").save_spec(
        spec("theirs", {"roles": {"team:theirs": ["operate", "approve", "delete"], "user:zoe": ["operate"]}})
    )
    ClusterRecords(store, "free").save_spec(SMALL.replace("demo", "free"))
    return store


@pytest.fixture(scope="module")
def pages(kept: MemoryStore, all_tables: None) -> Iterator[TestClient]:
    app = create_app(apps="core")
    windlass = web.create_app()
    windlass.dependency_overrides |= {
        needs.store: lambda: kept,
        needs.keys: lambda: MasterKeys.parse(new_master_key().reveal()),
    }
    app.mount("/windlass", windlass)
    app.router.routes.insert(0, app.router.routes.pop())
    with TestClient(app, raise_server_exceptions=True) as client:
        yield client


class Records(AirflowRecords):
    """A run of each cluster, and two assets."""

    def clusters_of_runs(self, runs: Collection[tuple[str, str]]) -> dict[tuple[str, str], str | None]:
        assert {dag_id for dag_id, _ in runs} <= {"apply_cluster", "heal_cluster", "delete_cluster"}
        of = {run: cluster for cluster, run in RUNS.items()}
        return {(dag_id, run): of[run] for dag_id, run in runs if run in of}

    def asset(self, asset: int) -> str | None:
        return {1: "windlass_backups", 2: "somebody_elses"}.get(asset)


def guarded(store: Store | Exception) -> TestClient:
    """Return what answers 200 with the body of each request that the guard lets pass."""
    behind = FastAPI()

    @behind.api_route("/{path:path}", methods=["GET", "POST", "PATCH", "PUT", "DELETE"])
    async def anything(request: Request) -> Any:
        return {"got": (await request.body()).decode()}

    def opened() -> Store:
        if isinstance(store, Exception):
            raise store
        return store

    behind.add_middleware(ClusterGuard, open_store=opened, known=Records())
    return TestClient(behind)


@pytest.fixture(scope="module")
def api(pages: TestClient, kept: MemoryStore) -> TestClient:
    return guarded(kept)


def login(role: str | None, name: str = "", teams: list[str] | None = None) -> dict[str, str]:
    user = SimpleAuthManagerUser(username=name or f"some-{role}", role=role, teams=teams)
    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(user=user)}"}


PAGES = ["/windlass/api/clusters/{}", "/windlass/api/clusters/{}/bundles", "/windlass/api/clusters/{}/log"]


@pytest.mark.parametrize("path", [*PAGES, "/windlass/cluster/{}"])
@pytest.mark.parametrize("cluster", RUNS)
@pytest.mark.parametrize("role", OURS)
def test_pages_show_a_cluster_to_whom_it_lets_see(pages: TestClient, role: str, cluster: str, path: str) -> None:
    expected = 404 if cluster == "theirs" else 200
    assert pages.get(path.format(cluster), headers=login(role)).status_code == expected


def test_lists_leave_out_what_is_not_to_be_seen(pages: TestClient) -> None:
    def names(headers: dict[str, str]) -> set[str]:
        assert ("theirs" in pages.get("/windlass/", headers=headers).text) == (headers == zoe)
        return {one["name"] for one in pages.get("/windlass/api/clusters", headers=headers).json()}

    zoe = login("admin", "zoe")
    assert names(login("viewer")) == {"mine", "free"}
    assert names(zoe) == {"mine", "theirs", "free"}


@pytest.mark.parametrize("role", OURS)
def test_actions_are_offered_to_whom_airflow_and_this_cluster_let(pages: TestClient, role: str) -> None:
    def offered(cluster: str) -> set[str]:
        text = pages.get(f"/windlass/cluster/{cluster}", headers=login(role)).text
        return {one.operation.value for one in ACTIONS if f'"/windlass/cluster/{cluster}/do/{one.operation}"' in text}

    everything = {one.operation.value for one in ACTIONS}
    by_cluster = {"operate": everything - {"delete_cluster"}, "delete": {"delete_cluster"}}
    assert offered("mine") == by_cluster.get(RIGHT_OF[role], set())
    assert offered("free") == (set() if role == "viewer" else everything)


@pytest.mark.parametrize("damage", ["kind: [\naccess: x", "spec: {access: {roles: 7}}", "access: {roles: {}}"])
def test_a_cluster_of_which_nobody_can_tell_whom_it_lets_lets_nobody(
    pages: TestClient, kept: MemoryStore, api: TestClient, damage: str
) -> None:
    ClusterRecords(kept, "broken").save_spec(damage)
    try:
        listed = {one["name"] for one in pages.get("/windlass/api/clusters", headers=login("admin")).json()}
        assert "broken" not in listed
        assert run(api, "admin", "heal_cluster", "broken").status_code == 403
    finally:
        kept.delete("clusters/broken/spec.yaml")


def run(api: TestClient, role: str, dag_id: str, cluster: str) -> Any:
    body = {"logical_date": None, "conf": {"cluster": cluster}}
    return api.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body, headers=login(role))


@pytest.mark.parametrize("role", OURS)
@pytest.mark.parametrize(
    ("roles", "takes"),
    [
        (OURS, ["operate"]),
        ({**OURS, "user": ["see"]}, ["operate"]),
        ({**OURS, "user": ["operate", "delete"]}, ["operate", "delete"]),
        ({**OURS, "team:mallory": ["approve"]}, ["operate", "approve"]),
        ({}, ["operate", "approve", "delete"]),
    ],
)
def test_nobody_gives_by_a_spec_a_right_that_they_have_not(
    api: TestClient, role: str, roles: dict[str, list[str]], takes: list[str]
) -> None:
    def status(cluster: str, headers: dict[str, str]) -> int:
        conf = {"cluster": cluster, "spec": spec(cluster, {"roles": roles})}
        return int(api.post("/api/v2/dags/apply_cluster/dagRuns", json={"conf": conf}, headers=headers).status_code)

    assert status("mine", login(role)) == (200 if takes == [RIGHT_OF[role]] else 403)
    assert status("free", login(role)) == 200
    assert status("theirs", login("admin", "", ["theirs"])) == 200


TRIGGERS = ("apply_cluster", "upgrade_cluster", "disaster_recovery", "etcd_backup", "heal_cluster", "create_cluster")


@pytest.mark.parametrize("cluster", RUNS)
@pytest.mark.parametrize(("dag_id", "role"), list(itertools.product([*TRIGGERS, "delete_cluster"], OURS)))
def test_a_run_is_started_by_whom_its_cluster_lets(api: TestClient, dag_id: str, role: str, cluster: str) -> None:
    needed = "delete" if dag_id == "delete_cluster" else "operate"
    may = cluster == "free" or (cluster == "mine" and RIGHT_OF[role] == needed)
    answer = run(api, role, dag_id, cluster)
    assert answer.status_code == (200 if may else 403)
    if may:
        assert json.loads(answer.json()["got"])["conf"] == {"cluster": cluster}
    else:
        assert f"may not {needed} this cluster" in answer.json()["detail"]


def test_a_partition_names_the_cluster_as_well(api: TestClient) -> None:
    body = {"logical_date": None, "partition_key": "theirs", "conf": {"cluster": ""}}
    assert api.post("/api/v2/dags/etcd_backup/dagRuns", json=body, headers=login("user")).status_code == 403


STEERING = (
    ("PATCH", "/dagRuns/{}", {"state": "failed"}),
    ("DELETE", "/dagRuns/{}", None),
    ("POST", "/dagRuns/{}/clear", {"dry_run": False}),
    ("PATCH", "/dagRuns/{}/taskInstances/lease", {"new_state": "success"}),
    ("PATCH", "/dagRuns/{}/taskInstances/roll/3", {"new_state": "success"}),
    ("POST", "/clearTaskInstances", {"dag_run_id": "{}", "dry_run": False}),
)


@pytest.mark.parametrize("cluster", RUNS)
@pytest.mark.parametrize(("method", "path", "body"), STEERING)
@pytest.mark.parametrize("role", OURS)
def test_a_run_is_steered_by_whom_its_cluster_lets(
    api: TestClient, role: str, method: str, path: str, body: dict[str, Any] | None, cluster: str
) -> None:
    given = json.loads(json.dumps(body).replace("{}", RUNS[cluster]))
    url = f"/api/v2/dags/apply_cluster{path.format(RUNS[cluster])}"
    may = cluster == "free" or (cluster == "mine" and RIGHT_OF[role] == "operate")
    assert api.request(method, url, json=given, headers=login(role)).status_code == (200 if may else 403)


@pytest.mark.parametrize("cluster", RUNS)
@pytest.mark.parametrize("role", OURS)
def test_an_approval_is_given_by_whom_its_cluster_lets(api: TestClient, role: str, cluster: str) -> None:
    url = f"/api/v2/dags/apply_cluster/dagRuns/{RUNS[cluster]}/taskInstances/approval/-1/hitlDetails"
    may = cluster == "free" or (cluster == "mine" and RIGHT_OF[role] == "approve")
    body = {"chosen_options": ["Approve"]}
    assert api.patch(url, json=body, headers=login(role)).status_code == (200 if may else 403)


def test_a_run_that_a_schedule_started_is_its_clusters_too(api: TestClient) -> None:
    url = "/api/v2/dags/heal_cluster/dagRuns/{}/clear"
    assert api.post(url.format("run-theirs"), json={}, headers=login("user")).status_code == 403
    assert api.post(url.format("run-mine"), json={}, headers=login("user")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/dags/apply_cluster/dagRuns", {"actions": [], "conf": {"cluster": "mine"}}),
        ("PATCH", "/dags/apply_cluster/dagRuns/~/taskInstances", {"actions": []}),
        ("POST", "/dags/apply_cluster/clearDagRuns", {"dag_run_ids": ["run-mine"]}),
        ("POST", "/dags/heal_cluster/clearPartitions", {}),
        ("POST", "/dags/apply_cluster/clearTaskInstances", {"dag_run_id": "run-mine", "include_past": True}),
        ("PATCH", "/dags/apply_cluster/dagRuns/run-mine/taskInstances/lease", {"include_future": True}),
        ("POST", "/dags/apply_cluster/clearTaskInstances", {"dry_run": False}),
        ("PATCH", "/dags/watch_health", {"is_paused": True}),
        ("DELETE", "/dags/apply_cluster", None),
        ("POST", "/dags/apply_cluster/dagRuns", {"logical_date": None}),
        ("PATCH", "/dags/apply_cluster/dagRuns/run\nmine/taskInstances/lease", {}),
        ("POST", "/dags/watch_health/dagRuns", {"logical_date": None, "conf": {"cluster": "mine"}}),
        ("POST", "/dags/backup_dispatch/dagRuns/run-mine/clear", {}),
        ("POST", "/assets/events", {"asset_id": 1, "partition_key": "mine"}),
        ("POST", "/assets/events", {"asset_id": 1.0, "partition_key": "mine"}),
        ("POST", "/assets/events", {"asset_id": "+1", "partition_key": "mine"}),
        ("POST", "/assets/events", {"asset_id": " 1", "partition_key": "mine"}),
        ("POST", "/assets/1/materialize", {}),
        ("POST", "/assets/+1/materialize", {}),
        ("POST", "/assets/1.0/materialize", {}),
        ("DELETE", "/assets/1/queuedEvents", None),
        ("PUT", "/assets/1/state-store/a/b", {"value": 1}),
        ("PUT", "/dags/apply_cluster/dagRuns/~/taskInstances/a/state-store/api/v2/assets/2", {"value": 1}),
    ],
)
def test_what_may_be_about_any_cluster_takes_the_right_over_every(
    api: TestClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    url = f"/api/v2{path}".replace("\n", "%0A")
    assert api.request(method, url, json=body, headers=login("user")).status_code == 403
    assert api.request(method, url, json=body, headers=login("user", "zoe")).status_code != 403


@pytest.mark.parametrize(
    ("method", "dag_id", "path", "body"),
    [
        ("POST", "delete_cluster", "/clearTaskInstances", {"dry_run": False}),
        ("POST", "delete_cluster", "/dagRuns/run-mine/clear", {"include_future": True}),
        ("POST", "~", "/clearDagRuns", {}),
        ("PATCH", "~", "/dagRuns/~/taskInstances", {"actions": []}),
    ],
)
def test_to_run_deletions_again_takes_the_right_to_delete(
    api: TestClient, method: str, dag_id: str, path: str, body: dict[str, Any]
) -> None:
    def status(*who: Any) -> int:
        url = f"/api/v2/dags/{dag_id}{path}"
        return int(api.request(method, url, json=body, headers=login(*who)).status_code)

    assert status("user", "zoe") == 403  # who operates every cluster, and deletes none
    assert status("admin", "", ["theirs"]) == (403 if dag_id == "~" else 200)  # who deletes every one, and operates one


@pytest.mark.parametrize("what", ["", "/taskInstances/plan/logs/1", "/taskInstances/plan/xcomEntries/return_value"])
@pytest.mark.parametrize("cluster", RUNS)
@pytest.mark.parametrize("role", OURS)
def test_what_a_run_said_is_read_by_whom_its_cluster_lets_see(
    api: TestClient, role: str, cluster: str, what: str
) -> None:
    url = f"/api/v2/dags/apply_cluster/dagRuns/{RUNS[cluster]}{what}"
    assert api.get(url, headers=login(role)).status_code == (403 if cluster == "theirs" else 200)
    assert api.get(url, headers=login("user", "zoe")).status_code == 200


@pytest.mark.parametrize("conf", [{}, {"cluster": "free"}])
def test_who_has_all_specs_applied_may_operate_every_cluster_whatever_a_run_says_of_itself(
    api: TestClient, conf: dict[str, str]
) -> None:
    def status(*who: Any) -> int:
        body = {"logical_date": None, "conf": conf}
        return int(api.post("/api/v2/dags/sync_specs/dagRuns", json=body, headers=login(*who)).status_code)

    assert [status("user"), status("viewer", "zoe"), status("user", "zoe")] == [403, 403, 200]


@pytest.mark.parametrize("run", ["some", "~"])
def test_what_a_run_says_of_all_specs_is_for_who_sees_every_cluster(api: TestClient, run: str) -> None:
    url = f"/api/v2/dags/sync_specs/dagRuns/{run}/taskInstances/look/xcomEntries/report"
    assert api.get(url, headers=login("user")).status_code == 403
    assert api.get(url, headers=login("user", "zoe")).status_code == 200


def test_logs_are_read_while_the_store_does_not_answer(pages: TestClient) -> None:
    url = "/api/v2/dags/apply_cluster/dagRuns/run-theirs/taskInstances/plan/logs/1"
    assert guarded(UnreachableError("s3: away")).get(url, headers=login("viewer")).status_code == 200


@pytest.mark.parametrize("who", [("admin", "zoe", ["theirs"]), ("user", "", None)])
def test_results_of_tasks_are_written_by_nobody(api: TestClient, who: Any) -> None:
    url = "/api/v2/dags/apply_cluster/dagRuns/run-mine/taskInstances/approval/xcomEntries"
    assert api.post(url, json={"key": "return_value", "value": 1}, headers=login(*who)).status_code == 403
    assert api.patch(f"{url}/return_value", json={"value": 1}, headers=login(*who)).status_code == 403


@pytest.mark.parametrize("role", OURS)
@pytest.mark.parametrize("cluster", RUNS)
def test_runs_of_commands_are_started_by_windlass_alone(api: TestClient, role: str, cluster: str) -> None:
    answer = run(api, role, "run_command", cluster)
    assert answer.status_code == 403
    assert "--airflow URL" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v2/dags/somebodys/dagRuns"),
        ("POST", "/api/v2/dags/somebodys/dagRuns/a/taskInstances/b/xcomEntries"),
        ("GET", "/api/v2/dags/apply_cluster/dagRuns"),
        ("GET", "/api/v2/dags/somebodys/dagRuns/run-theirs"),
        ("POST", "/api/v2/dags/~/dagRuns/list"),
        ("POST", "/api/v2/dags/~/dagRuns/~/taskInstances/list"),
        ("POST", "/api/v2/dags/apply_cluster/favorite"),
        ("POST", "/api/v2/assets/2/materialize"),
        ("POST", "/auth/token"),
    ],
)
def test_other_requests_are_airflows_own(api: TestClient, method: str, path: str) -> None:
    body = {"conf": {"cluster": "theirs"}}
    assert api.request(method, path, json=body, headers=login("viewer")).status_code == 200


def test_teams_and_users_are_let_by_name(api: TestClient) -> None:
    url, body = "/api/v2/dags/apply_cluster/dagRuns", {"conf": {"cluster": "theirs"}}
    assert api.post(url, json=body, headers=login("viewer", teams=["theirs"])).status_code == 200
    assert api.post(url, json=body, headers=login("viewer", "zoe")).status_code == 200
    assert api.post(url, json=body, headers=login("admin", "team:theirs")).status_code == 403


def test_the_cookie_of_the_ui_is_a_login_as_well(api: TestClient) -> None:
    token = login("viewer")["Authorization"].removeprefix("Bearer ")
    api.cookies.set("_token", token)
    try:
        answer = api.post("/api/v2/dags/heal_cluster/dagRuns", json={"conf": {"cluster": "theirs"}})
    finally:
        api.cookies.clear()
    assert answer.status_code == 403


def test_whom_airflow_does_not_know_gets_airflows_answer(api: TestClient) -> None:
    assert api.post("/api/v2/dags/heal_cluster/dagRuns", json={}).status_code == 401
    wrong = {"Authorization": "Bearer nonsense"}
    assert api.post("/api/v2/dags/heal_cluster/dagRuns", json={}, headers=wrong).status_code == 403


def test_where_the_store_does_not_answer_nobody_is_let(pages: TestClient) -> None:
    assert run(guarded(UnreachableError("s3: away")), "admin", "heal_cluster", "mine").status_code == 403
    assert run(guarded(SpecError("no connection `windlass_store`")), "admin", "heal_cluster", "mine").status_code == 200


def test_where_there_is_no_key_to_check_specs_by_nobody_is_let() -> None:
    def no_key() -> RecordKeys:
        raise SpecError("no connection `windlass_reading_key`")

    keys = MasterKeys.parse(new_master_key().reveal())
    raw = MemoryStore()
    ClusterRecords(AuthenticatedStore.by(raw, keys), "mine").save_spec(spec("mine", {"roles": OURS}))
    unread = guarded(AuthenticatedStore(raw, no_key))
    assert "windlass_reading_key" in run(unread, "user", "heal_cluster", "mine").json()["detail"]
    reading = RecordKeys.parse(RecordKeys.of(keys).reading_text().reveal())
    read = guarded(AuthenticatedStore(raw, lambda: reading))
    assert run(read, "user", "heal_cluster", "mine").status_code == 200
    assert run(read, "viewer", "heal_cluster", "mine").status_code == 403


def test_a_spec_that_somebody_else_wrote_lets_nobody_and_is_told(pages: TestClient, kept: MemoryStore) -> None:
    keys, raw = MasterKeys.parse(new_master_key().reveal()), MemoryStore()
    checked = AuthenticatedStore.by(raw, keys)
    for name in ("mine", "free"):
        ClusterRecords(checked, name).save_spec(spec(name, {"roles": OURS}))
    raw.put("clusters/mine/spec.yaml", spec("mine", {"roles": {"viewer": ["operate"]}}).encode())
    assert run(guarded(checked), "viewer", "heal_cluster", "mine").status_code == 403
    assert run(guarded(checked), "user", "heal_cluster", "free").status_code == 200
    pages.app.routes[0].app.dependency_overrides[needs.store] = lambda: checked  # type: ignore[attr-defined]
    try:
        listed = pages.get("/windlass/api/clusters", headers=login("viewer")).json()
    finally:
        pages.app.routes[0].app.dependency_overrides[needs.store] = lambda: kept  # type: ignore[attr-defined]
    assert {one["name"]: set(one) == {"name", "error"} for one in listed} == {"mine": True, "free": False}


def test_airflows_database_tells_whose_a_run_is(all_tables: None) -> None:
    columns = Base.metadata.tables["dag_run"].columns
    common = {"run_type": "manual", "state": "running", "run_after": datetime.now(UTC), "clear_number": 0}
    common |= {"span_status": "not_started", "context_carrier": {}}
    rows = [
        ("by-conf", {"cluster": "mine"}, None),
        ("by-partition", {"cluster": None}, "theirs"),
        ("by-none", {}, None),
    ]
    with create_session() as session:
        for run_id, conf, key in rows:
            row = {"dag_id": "heal_cluster", "run_id": run_id, "conf": conf, "partition_key": key, **common}
            session.execute(insert(DagRun).values({name: row[name] for name in row if name in columns}))
        session.execute(insert(AssetModel).values(id=1, name="windlass_backups", uri="windlass_backups", group="asset"))
    known = AirflowRecords()
    asked = [("heal_cluster", run_id) for run_id in ("by-conf", "by-partition", "by-none", "absent")]
    found = known.clusters_of_runs([*asked, ("apply_cluster", "by-conf")])
    assert found == dict(zip(asked, ["mine", "theirs", None], strict=False))
    assert (known.asset(1), known.asset(7)) == ("windlass_backups", None)
