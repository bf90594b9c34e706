"""Lists of runs that Airflow gives out: each user finds those of clusters that they may see, and no others."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.utils.session import create_session
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import delete, insert

from airflow import settings
from windlass.effects.store import ClusterRecords, MemoryStore, Store
from windlass.errors import UnreachableError
from windlass.web.guard import ClusterGuard
from windlass.web.requests import view_of
from windlass.web.run_lists import gives_runs
from world.specs import SMALL

DAG = "apply_cluster"
ACCESS: dict[str, Any] = {
    "mine": {"viewer": ["see"], "user": ["operate"], "op": ["approve"]},
    "theirs": {"team:theirs": ["delete"]},
    "free": {},
}
PEOPLE: dict[str, tuple[str, list[str], set[str]]] = {
    "viewer": ("viewer", [], {"mine", "free"}),
    "user": ("user", [], {"mine", "free"}),
    "op": ("op", [], {"mine", "free"}),
    "admin": ("admin", [], {"free"}),
    "team": ("admin", ["theirs"], {"theirs", "free"}),
    "all": ("op", ["theirs"], {"mine", "theirs", "free"}),
}
"""Each one's role and teams, and the clusters that they may see."""


@pytest.fixture(scope="module")
def kept() -> MemoryStore:
    store = MemoryStore()
    for name, roles in ACCESS.items():
        document = yaml.safe_load(SMALL.replace("demo", name))
        document["spec"]["access"] = {"roles": roles}
        ClusterRecords(store, name).save_spec(json.dumps(document))
    return store


def login(who: str) -> dict[str, str]:
    role, teams, _ = PEOPLE[who]
    user = SimpleAuthManagerUser(username=f"some-{who}", role=role, teams=teams)
    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(user=user)}"}


@pytest.fixture(scope="module", autouse=True)
def _rows() -> Iterator[None]:
    """Put a run of each cluster into Airflow's database, one of which nobody knows whose it is, and what was logged."""
    import_all_models()
    Base.metadata.create_all(settings.engine)
    now = datetime.now(UTC)
    common = {"dag_id": DAG, "run_type": "manual", "state": "running", "run_after": now, "start_date": now}
    common |= {"clear_number": 0, "span_status": "not_started", "context_carrier": {}}
    model = {"is_paused": False, "is_stale": False, "fileloc": "x", "bundle_name": "b"}
    model |= {"max_active_tasks": 1, "max_consecutive_failed_dag_runs": 0, "has_task_concurrency_limits": False}
    columns = Base.metadata.tables["dag_run"].columns
    with create_session() as session:
        session.execute(insert(DagBundleModel).values(name="b"))
        for dag_id in (DAG, "somebodys"):
            session.execute(insert(DagModel).values(**model, dag_id=dag_id))
        for name in (*ACCESS, None):
            row = {**common, "run_id": f"run-{name}", "conf": {"cluster": name, "spec": f"spec of {name}"}}
            session.execute(insert(DagRun).values({key: row[key] for key in row if key in columns}))
            session.add(Log("cli", extra=f"spec of {name}", dag_id=DAG, run_id=f"run-{name}"))
        session.add(Log("trigger_dag_run", extra="spec of theirs", dag_id=DAG))
        session.add(Log("pause", extra="of another DAG", dag_id="somebodys"))
    yield
    with create_session() as session:
        for table in (Log, DagRun, DagModel, DagBundleModel):
            session.execute(delete(table))


@pytest.fixture(scope="module", autouse=True)
def real(kept: MemoryStore) -> Iterator[TestClient]:
    app = create_app(apps="core")
    app.add_middleware(ClusterGuard, open_store=lambda: kept)
    with TestClient(app, raise_server_exceptions=True) as client:
        yield client


LISTS = (
    ("GET", "/api/v2/dags/~/dagRuns", "dag_runs"),
    ("POST", "/api/v2/dags/~/dagRuns/list", "dag_runs"),
    ("GET", "/api/v2/eventLogs", "event_logs"),
)


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize(("method", "path", "key"), LISTS)
def test_airflow_lists_runs_of_clusters_that_one_may_see(
    real: TestClient, who: str, method: str, path: str, key: str
) -> None:
    answer = real.request(method, path, json={} if method == "POST" else None, headers=login(who))
    assert answer.status_code == 200, answer.text
    found = answer.json()[key]
    runs = {one.get("dag_run_id") or one.get("run_id") for one in found if one["dag_id"] == DAG}
    seen = PEOPLE[who][2]
    of_nobody = {"run-None"} | ({None} if key == "event_logs" else set())
    assert runs == {f"run-{name}" for name in seen} | (of_nobody if who == "all" else set())
    assert answer.json()["total_entries"] == len(found)
    assert all((f"spec of {name}" in answer.text) <= (name in seen) for name in ACCESS)
    assert ("of another DAG" in answer.text) == (key == "event_logs")


@pytest.mark.parametrize("who", PEOPLE)
def test_airflows_first_page_shows_the_latest_of_them(real: TestClient, who: str) -> None:
    answer = real.get("/ui/dags", headers=login(who))
    runs = {run["run_id"] for dag in answer.json()["dags"] for run in dag["latest_dag_runs"]}
    assert runs - {"run-None"} == {f"run-{name}" for name in PEOPLE[who][2]}
    assert ("run-None" in runs) == (who == "all")


def test_one_run_and_one_line_of_the_log_of_a_hidden_cluster_are_refused(real: TestClient) -> None:
    listed = real.get("/api/v2/eventLogs", headers=login("all")).json()["event_logs"]
    hidden = next(one["event_log_id"] for one in listed if one["run_id"] == "run-theirs")
    for path in (f"/api/v2/eventLogs/{hidden}", f"/api/v2/dags/{DAG}/dagRuns/run-theirs"):
        assert real.get(path, headers=login("viewer")).status_code == 403
        assert real.get(path, headers=login("team")).status_code == 200


def test_whom_airflow_does_not_know_gets_airflows_answer(real: TestClient) -> None:
    assert real.get("/api/v2/dags/~/dagRuns").status_code == 401


NAMES_OF_RUNS = {"dag_run_id", "run_id", "source_run_id", "created_dag_run_id"}


def names_in(kind: Any, known: set[Any]) -> Iterator[str]:
    """Yield all names of fields that an answer of this form may have, however deep."""
    for inner in typing.get_args(kind):
        yield from names_in(inner, known)
    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in known:
        known.add(kind)
        for name, field in kind.model_fields.items():
            yield from (name, field.alias or name)
            yield from names_in(field.annotation, known)


def test_no_answer_of_this_airflow_has_runs_in_it_that_nobody_looks_for(real: TestClient) -> None:
    paths = [
        route.path_format.format(**{**dict.fromkeys(route.param_convertors, "x"), "dag_id": DAG})
        for route in routes_of(real.app)
        if "GET" in route.methods and NAMES_OF_RUNS & set(names_in(route.response_model, set()))
    ]
    assert f"/api/v2/dags/{DAG}/dagRuns" in paths
    assert len(paths) > 10
    assert [path for path in paths if not gives_runs(path) and view_of(path) is None] == []


def routes_of(app: Any) -> Iterator[Any]:
    for route in app.routes:
        if hasattr(route, "response_model"):
            yield route


def answering(answer: Any, *, lines: bool = False, store: Store | Exception) -> TestClient:
    """Return what answers so to whatever passes the guard."""
    behind = FastAPI()
    text = answer if isinstance(answer, str) else "\n".join(map(json.dumps, answer if lines else [answer]))

    @behind.api_route("/{path:path}", methods=["GET", "POST"])
    async def anything(request: Request) -> Response:
        assert "accept-encoding" not in request.headers
        return Response(text, media_type="application/x-ndjson" if lines else "application/json")

    def opened() -> Store:
        if isinstance(store, Exception):
            raise store
        return store

    behind.add_middleware(ClusterGuard, open_store=opened)
    return TestClient(behind)


def ask(kept: Store | Exception, answer: Any, path: str = "/ui/dags", who: str = "viewer", **form: Any) -> Any:
    return answering(answer, store=kept, **form).get(path, headers=login(who))


def run_of(cluster: str) -> dict[str, str]:
    return {"dag_id": DAG, "dag_run_id": f"run-{cluster}"}


def test_what_hangs_on_a_run_goes_with_it(kept: MemoryStore) -> None:
    actions = [{"subject": name, "body": f"plan of {name}", "task_instance": run_of(name)} for name in ACCESS]
    latest = [{"dag_id": DAG, "run_id": f"run-{name}"} for name in ACCESS]
    dags = {"dags": [{"dag_id": DAG, "latest_dag_runs": latest, "pending_actions": actions}], "total_entries": 1}
    (found,) = ask(kept, dags).json()["dags"]
    assert [one["subject"] for one in found["pending_actions"]] == ["mine", "free"]
    assert [one["run_id"] for one in found["latest_dag_runs"]] == ["run-mine", "run-free"]
    assert ask(kept, dags).json()["total_entries"] == 1


def test_events_of_assets_are_their_clusters(kept: MemoryStore) -> None:
    event = {"name": "windlass_findings", "source_dag_id": None, "source_run_id": None}
    events = [{**event, "partition_key": name, "created_dagruns": [run_of("theirs")]} for name in ACCESS]
    dispatched = {"source_dag_id": "backup_dispatch", "source_run_id": "r", "partition_key": "theirs"}
    foreign = {"name": "others", "partition_key": "theirs", "source_dag_id": "x", "source_run_id": "r"}
    answer = ask(kept, {"asset_events": [*events, dispatched, foreign]}, "/api/v2/assets/events").json()
    assert [one["partition_key"] for one in answer["asset_events"]] == ["mine", "free", "theirs"]
    assert answer["asset_events"][0]["created_dagruns"] == []
    assert answer["asset_events"][-1] == foreign


def test_a_list_loses_entries_and_a_stream_loses_lines(kept: MemoryStore) -> None:
    lines = [{"dag_id": DAG, "run_id": f"run-{name}", "task_instances": []} for name in ACCESS]
    assert ask(kept, lines, f"/ui/grid/runs/{DAG}").json() == [lines[0], lines[2]]
    answer = ask(kept, lines, f"/ui/grid/ti_summaries/{DAG}", lines=True)
    assert [json.loads(line)["run_id"] for line in answer.text.splitlines()] == ["run-mine", "run-free"]


def test_where_the_latest_run_is_hidden_there_is_none(kept: MemoryStore) -> None:
    path = f"/ui/dags/{DAG}/latest_run"
    assert ask(kept, {"dag_id": DAG, "run_id": "run-theirs"}, path).json() is None
    assert ask(kept, {"dag_id": DAG, "run_id": "run-mine"}, path).json()["run_id"] == "run-mine"
    assert ask(kept, {"dag_id": DAG, "run_id": "run-theirs"}, f"/ui/gantt/{DAG}/run-theirs").status_code == 403


def test_nothing_that_a_run_was_given_makes_it_another_ones(kept: MemoryStore) -> None:
    said = {**run_of("mine"), "conf": run_of("theirs"), "partition_key": "theirs"}
    posing = {**run_of("theirs"), "conf": {"cluster": "mine"}, "partition_key": "mine"}
    assert ask(kept, {"dag_runs": [said, posing]}).json()["dag_runs"] == [said]


def test_an_answer_that_cannot_be_read_is_not_given_out(kept: MemoryStore) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    answer = ask(kept, f'{{"dag_runs": [{json.dumps(run_of("theirs"))}], "x": {deep}}}')
    assert answer.status_code == 403


def test_lists_are_read_while_the_store_does_not_answer() -> None:
    answer = ask(UnreachableError("s3: away"), {"dag_runs": [run_of("theirs")]})
    assert answer.json()["dag_runs"] == [run_of("theirs")]


@pytest.mark.parametrize(
    "path", ["/api/v2/dags/somebodys/dagRuns", "/api/v2/dags/watch_health/dagRuns", "/api/v2/pools"]
)
def test_other_answers_pass_as_they_are(kept: MemoryStore, path: str) -> None:
    assert not gives_runs(path)
