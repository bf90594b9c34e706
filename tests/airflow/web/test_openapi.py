"""The description of the API is true: it names every route, and requests made from it find no hole and no crash."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from windlass.airflow.connections import people_keys
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.servicelog import Event
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog
from windlass.effects.store.keys import bundle_key
from windlass.web import needs
from windlass.web.app import create_app
from windlass.web.cluster_runs import ClusterRuns, cluster_runs
from windlass.web.command_runs import CommandRun, CommandRuns, command_runs
from windlass.web.openapi import document, text
from windlass.web.rest import ROUTES
from windlass.web.run_starting import RunStarter, run_starter
from windlass.web.run_views import RunView, StepView
from world.specs import SMALL

FILE = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"
DESCRIBED: dict[str, Any] = json.loads(FILE.read_text())
OPERATIONS = {
    f"{method.upper()} {path}": one for path, methods in DESCRIBED["paths"].items() for method, one in methods.items()
}
MADE = [one.ok() for one in schemathesis.openapi.from_dict(DESCRIBED).get_all_operations()]
READS = sorted(
    one for one in OPERATIONS if one.startswith("GET") and not one.endswith(("/access", "/api/commands/{run}"))
)
"""What the store of these tests has something for."""
MASTER = MasterKeys.parse(new_master_key().reveal())
BUDGET = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""The same requests each time, and so many that all of them take a few seconds."""


class Runs(CommandRuns):
    """Commands that nobody does: one is there."""

    def start(self, run_id: str, conf: Mapping[str, Any], person: str) -> None:
        """Start nothing."""

    def find(self, run_id: str) -> CommandRun | None:
        """Return the one."""
        return CommandRun("admin", "mine", "answered", "sealed") if run_id == "one" else None


class Planned(ClusterRuns):
    """Plans of which one is there."""

    def find(self, dag_id: str, run_id: str) -> RunView | None:
        """Return the one, which has failed."""
        if run_id != "one":
            return None
        plan = {"gate": {"text": "nothing to do", "plan": {"digest": "d1"}}}
        tasks = (StepView("gate", "", "failed", 1.0, "cp-1: not reached"),)
        return RunView(dag_id, run_id, "mine", "failed", "admin", None, {"plan_only": True}, tasks, results=plan)


class Starter(RunStarter):
    """Starts nothing."""

    def start(self, dag_id: str, run_id: str, conf: Mapping[str, Any], person: str) -> None:
        """Start nothing."""


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    kept = MemoryStore()
    now = datetime.now(UTC).replace(microsecond=0)
    for name, roles in (("mine", "{}"), ("theirs", "{'user:zoe': [operate]}")):
        records = ClusterRecords(kept, name)
        records.save_spec(SMALL.replace("name: demo", f"name: {name}") + f"  access: {{roles: {roles}}}\n")
        records.save_created(CreatedRecord(now, "a1"))
        status = {"host": "cp-1", "component": "etcd", "status": "healthy", "since": now.isoformat(), "vantages": []}
        records.save_status(
            {"observed": now.isoformat(), "hosts": {"cp-1": True}, "subjects": [status], "findings": []}
        )
        ServiceLog(kept, name).append(Event(now, "heal_cluster", "done", details={"host": "cp-1"}), "test")
        kept.put(bundle_key(name, f"{now:%Y%m%dT%H%M%SZ}-r7", "manifest.json"), b"{}")
    return kept


@pytest.fixture(scope="module")
def client(server: TestClient, pages: Any, store: MemoryStore) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "admin:admin,viewer:viewer")
        pages.dependency_overrides = {
            needs.store: lambda: store,
            needs.keys: lambda: MASTER,
            people_keys: MASTER.for_people,
            command_runs: Runs,
            cluster_runs: Planned,
            run_starter: Starter,
        }
        server.cookies.clear()
        yield server
        pages.dependency_overrides = {}


def login(name: str) -> dict[str, str]:
    """Log in somebody who is called as their role; `nobody` has none."""
    role = None if name == "nobody" else name
    token = get_auth_manager().generate_jwt(user=SimpleAuthManagerUser(username=name, role=role))
    return {"Authorization": f"Bearer {token}"}


def test_the_file_in_the_docs_is_what_the_code_says() -> None:
    assert FILE.read_text(encoding="utf-8") == text(create_app()), "write it anew: make openapi"


def test_it_names_every_route_but_the_pages_own() -> None:
    app = create_app()
    routes = {f"{method} {one.path}" for one in app.routes if isinstance(one, APIRoute) for method in one.methods}
    own = {"GET /", "GET /cluster/{name}", "GET /static/{name}", "GET /openapi.json"}
    form = {"POST /api/spec/fill", "POST /api/spec/preview"}  # which answer what the pages' script knows
    pages = {one for one in routes - set(OPERATIONS) if not one.split()[1].startswith(("/api", "/metrics"))} | form
    assert set(OPERATIONS) == routes - pages
    assert own <= pages
    assert {f"{one.method} {one.path}" for one in ROUTES} <= set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_says_all_that_a_client_has_to_know(name: str) -> None:
    one, path = OPERATIONS[name], name.split()[1]
    known = {tag["name"] for tag in DESCRIBED["tags"]}
    assert one["summary"]
    assert set(one["tags"]) <= known
    assert one["security"]
    assert {"200", "401", "403", "422", "502"} <= set(one["responses"])
    assert ("404" in one["responses"]) == ("{" in path)
    for status, answer in one["responses"].items():
        (content,) = answer["content"].values()
        schema = content["schema"]
        shape = {"422": "WrongRequest"}.get(status, "Failure")
        assert schema if status == "200" else schema == {"$ref": f"#/components/schemas/{shape}"}, status
    assert len({other["operationId"] for other in OPERATIONS.values()}) == len(OPERATIONS)


def test_it_is_served_to_whoever_may_read(client: TestClient) -> None:
    assert client.get("/windlass/openapi.json").status_code == 401
    served = client.get("/windlass/openapi.json", headers=login("viewer"))
    assert (served.status_code, served.json()) == (200, document(create_app()))


def _cases(names: list[str], operations: Sequence[Any] = MADE) -> st.SearchStrategy[Case]:
    """Return requests as the description has them, whose cluster is one of those, and whose run may be there."""

    def aimed(drawn: tuple[Case, str, bool]) -> Case:
        case, name, is_known = drawn
        if "name" in case.path_parameters:
            case.path_parameters["name"] = name
        if is_known and "run" in case.path_parameters:
            case.path_parameters["run"] = "one"
        return case

    case = st.one_of([one.as_strategy() for one in operations])
    return st.tuples(case, st.sampled_from(names), st.booleans()).map(aimed)


def _send(client: TestClient, case: Case, headers: Mapping[str, str]) -> Any:
    sent = case.as_transport_kwargs(base_url="http://testserver/windlass")
    given_headers = {name: value for name, value in (sent.get("headers") or {}).items() if name != "Authorization"}
    body = {"json": sent["json"]} if "json" in sent else {"content": sent["data"]} if sent.get("data") else {}
    return client.request(
        sent["method"], sent["url"], params=sent.get("params"), headers={**given_headers, **headers}, **body
    )


@pytest.mark.parametrize("operation", MADE, ids=lambda one: one.label)
def test_whatever_is_asked_is_answered_as_described_and_nothing_crashes(client: TestClient, operation: Any) -> None:
    @settings(BUDGET, max_examples=15)
    @given(case=_cases(["mine", "mine", "theirs", "none"], [operation]), role=st.sampled_from(["admin", "viewer"]))
    def check(case: Case, role: str) -> None:
        answer = _send(client, case, login(role))
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, checks=[status_code_conformance, response_schema_conformance])

    check()


@pytest.mark.parametrize("name", READS)
def test_what_is_there_is_answered_as_described(client: TestClient, name: str) -> None:
    (operation,) = (one for one in MADE if one.label == name)
    case = operation.Case(path_parameters={"name": "mine", "run": "one", "operation": "apply_cluster"})
    answer = _send(client, case, login("admin"))
    assert answer.status_code == 200, answer.text
    case.validate_response(answer, checks=[status_code_conformance, response_schema_conformance])


def test_no_route_answers_without_a_right(client: TestClient) -> None:
    strangers: list[tuple[dict[str, str], set[int]]] = [
        ({}, {401}),
        ({"Authorization": "Bearer nonsense"}, {403}),
        (login("nobody"), {403}),
    ]

    @BUDGET
    @given(case=_cases(["mine", "theirs", "none"]), who=st.sampled_from(strangers))
    def refused(case: Case, who: tuple[dict[str, str], set[int]]) -> None:
        headers, expected = who
        answer = _send(client, case, headers)
        assert answer.status_code in expected, (case.operation.label, answer.status_code, answer.text)

    @BUDGET
    @given(case=_cases(["theirs"]))
    def hidden(case: Case) -> None:
        answer = _send(client, case, login("admin"))
        if "name" in case.path_parameters:
            assert answer.status_code in {404, 422}, (case.operation.label, answer.status_code, answer.text)
        assert "theirs" not in answer.text or answer.status_code == 404

    refused()
    hidden()
