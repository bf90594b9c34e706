"""Who may give which command over which cluster is judged by the plugin's API; nobody else gets the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import HTTPException
from fastapi.testclient import TestClient

from windlass.domain.remote import AnswerKey, Command
from windlass.effects.store import ClusterRecords, MemoryStore, UnverifiedStore
from windlass.web import needs
from windlass.web.command_runs import CommandRun, command_runs
from world.specs import SMALL

ROLES = {"viewer": ["see"], "user": ["operate"], "op": ["see", "operate", "approve", "delete"]}
"""Of the cluster `mine`; admins are let by name alone, and only where nothing else is said."""
USERS = ("vic:viewer", "una:user", "otto:op", "ada:admin")
KEY = AnswerKey.new()
BUNDLE = {"bundle": "newest"}
GLASS = {"hours": 1, "reason": "nobody else can"}
PLAN = {"spec": SMALL.replace("demo", "mine")}


class Runs:
    """Runs that nobody executes."""

    def __init__(self) -> None:
        self.started: dict[str, tuple[Mapping[str, Any], str]] = {}
        self.refusal: HTTPException | None = None

    def start(self, run_id: str, conf: Mapping[str, Any], person: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.started[run_id] = (conf, person)

    def find(self, run_id: str) -> CommandRun | None:
        if run_id not in self.started:
            return None
        conf, person = self.started[run_id]
        return CommandRun(person, conf["cluster"] or "", "answered", "sealed")


def spec(name: str, roles: Mapping[str, list[str]]) -> str:
    document = yaml.safe_load(SMALL.replace("demo", name))
    document["spec"]["access"] = {"roles": dict(roles)}
    return json.dumps(document)


@pytest.fixture(scope="module")
def kept() -> MemoryStore:
    store = MemoryStore()
    ClusterRecords(store, "mine").save_spec(spec("mine", ROLES))
    ClusterRecords(store, "theirs").save_spec(spec("theirs", {"user:zoe": ["operate"]}))
    return store


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def client(
    server: TestClient, pages: Any, kept: MemoryStore, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", ",".join(USERS))
    server.cookies.clear()
    pages.dependency_overrides = {needs.store: lambda: kept, command_runs: lambda: runs}
    yield server
    pages.dependency_overrides = {}


def login(who: str) -> dict[str, str]:
    name, role = who.split(":")
    user = SimpleAuthManagerUser(username=name, role=role)
    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(user=user)}"}


def give(
    client: TestClient, who: str, command: str, cluster: str = "", arguments: Any = None, key: str = KEY.public
) -> Any:
    path = f"/windlass/api/clusters/{cluster}/commands" if cluster else "/windlass/api/commands"
    body = {"command": command, "arguments": arguments or {}, "key": key}
    return client.post(path, json=body, headers=login(who))


OVER_ONE: tuple[tuple[str, Any, set[str]], ...] = (
    ("certificates", {}, {"vic:viewer", "una:user", "otto:op"}),
    ("audit", {}, {"vic:viewer", "una:user", "otto:op"}),
    ("backup list", {}, {"vic:viewer", "una:user", "otto:op"}),
    ("backup show", BUNDLE, {"vic:viewer", "una:user", "otto:op"}),
    ("backup verify", BUNDLE, {"vic:viewer", "una:user", "otto:op"}),
    ("plan", {}, {"vic:viewer", "una:user", "otto:op"}),
    ("plan", PLAN, {"una:user", "otto:op"}),
    ("kubeconfig --break-glass", GLASS, {"otto:op"}),
)
"""A command about one cluster, its arguments, and who of `USERS` may give it about `mine`."""


@pytest.mark.parametrize("who", USERS)
@pytest.mark.parametrize(("command", "arguments", "allowed"), OVER_ONE)
def test_a_command_is_given_by_whom_its_cluster_lets(
    client: TestClient, runs: Runs, who: str, command: str, arguments: Any, allowed: set[str]
) -> None:
    answer = give(client, who, command, "mine", arguments)
    sees = who != "ada:admin"
    assert answer.status_code == (200 if who in allowed else 403 if sees else 404), answer.text
    assert bool(runs.started) is (who in allowed)
    if who in allowed:
        ((conf, person),) = runs.started.values()
        assert person == who.split(":", maxsplit=1)[0]
        assert (conf["command"], conf["cluster"], conf["key"]) == (command, "mine", KEY.public)


@pytest.mark.parametrize("who", USERS)
@pytest.mark.parametrize(("command", "arguments"), [one[:2] for one in OVER_ONE])
@pytest.mark.parametrize("cluster", ["theirs", "none"])
def test_to_a_stranger_it_is_as_if_there_were_no_cluster(
    client: TestClient, runs: Runs, who: str, command: str, arguments: Any, cluster: str
) -> None:
    answer = give(client, who, command, cluster, arguments)
    if cluster == "none":  # of which no spec says anything, so that Airflow alone does
        assert answer.status_code in {200, 403}
        return
    assert (answer.status_code, answer.json()["detail"]) == (404, "the store knows no cluster `theirs`")
    assert not runs.started


EVERYWHERE = ("people-key", "store record-key", "store reading-key", "mirror accept", "master-key", "mirror accepted")
REPAIRS = {
    "store check": {},
    "store sign": {},
    "store accept": {"cluster": "mine"},
    "store spec": {"cluster": "mine"},
    "store restore-pki": {"cluster": "mine", "copy_base64": ""},
}


@pytest.mark.parametrize("who", USERS)
@pytest.mark.parametrize("command", EVERYWHERE)
def test_what_is_about_all_clusters_takes_the_right_over_every(
    client: TestClient, runs: Runs, who: str, command: str
) -> None:
    arguments = {"mirror": "http://192.0.2.1"} if command == "mirror accept" else {}
    answer = give(client, who, command, arguments=arguments)
    assert answer.status_code == 403  # `theirs` lets none of them
    assert not runs.started


@pytest.mark.parametrize("who", USERS)
@pytest.mark.parametrize("command", EVERYWHERE)
def test_keys_are_given_to_whom_airflow_trusts_with_them(
    client: TestClient, pages: Any, runs: Runs, who: str, command: str
) -> None:
    alone = MemoryStore()
    ClusterRecords(alone, "free").save_spec(SMALL.replace("demo", "free"))
    pages.dependency_overrides[needs.store] = lambda: alone
    arguments = {"mirror": "http://192.0.2.1"} if command == "mirror accept" else {}
    is_reading = command in {"master-key", "mirror accepted"}
    may = is_reading or who in {"otto:op", "ada:admin"}
    answer = give(client, who, command, arguments=arguments)
    assert answer.status_code == (200 if may else 403), answer.text


@pytest.mark.parametrize("who", USERS)
@pytest.mark.parametrize("command", REPAIRS)
def test_the_store_is_repaired_by_whom_airflow_trusts_with_its_keys(
    client: TestClient, runs: Runs, who: str, command: str
) -> None:
    answer = give(client, who, command, arguments=REPAIRS[command])
    may = who in {"otto:op", "ada:admin"}
    assert answer.status_code == (200 if may else 403)
    if not may:
        assert "windlass_master_key" in answer.json()["detail"]


def test_an_answer_is_handed_to_who_gave_the_command_and_to_nobody_else(client: TestClient, runs: Runs) -> None:
    run = give(client, "vic:viewer", "certificates", "mine").json()["run"]
    path = f"/windlass/api/clusters/mine/commands/{run}"
    assert client.get(path, headers=login("vic:viewer")).json() == {"state": "answered", "answer": "sealed"}
    assert client.get(path, headers=login("otto:op")).status_code == 404
    assert client.get(f"/windlass/api/commands/{run}", headers=login("vic:viewer")).status_code == 404
    assert client.get("/windlass/api/clusters/mine/commands/none", headers=login("vic:viewer")).status_code == 404


def test_whoever_has_not_logged_in_gives_nothing_and_gets_nothing(client: TestClient, runs: Runs) -> None:
    body = {"command": "certificates", "arguments": {}, "key": KEY.public}
    for path in ("/windlass/api/clusters/mine/commands", "/windlass/api/commands"):
        assert client.post(path, json=body).status_code == 401
        assert client.get(f"{path}/run").status_code == 401
    assert not runs.started


def test_who_was_removed_gives_no_more_commands(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ada:admin")
    assert give(client, "vic:viewer", "certificates", "mine").status_code == 403


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("format", "mine", {}, KEY.public), "knows no command `format`"),
        (("certificates", "", {}, KEY.public), "is about one cluster"),
        (("people-key", "mine", {}, KEY.public), "is about no one cluster"),
        (("certificates", "mine", {"within": "soon"}, KEY.public), "within"),
        (("certificates", "mine", {}, "AAAA"), "X25519 public key"),
        (("plan", "mine", {"spec": "kind: ["}, KEY.public), "spec"),
    ],
)
def test_what_is_no_command_is_refused_before_airflow_keeps_it(
    client: TestClient, runs: Runs, given: tuple[str, str, Any, str], told: str
) -> None:
    answer = give(client, "otto:op", *given)
    assert answer.status_code == 400
    assert told in answer.json()["detail"]
    assert not runs.started


def test_a_spec_with_a_secret_in_clear_is_not_kept(client: TestClient, runs: Runs) -> None:
    secret = f"{PLAN['spec']}  upgrade: {{hooks: {{environment: {{TOKEN: sesame-open-zx9}}}}}}\n"
    answer = give(client, "otto:op", "plan", "mine", {"spec": secret})
    assert (answer.status_code, bool(runs.started)) == (400, False)
    assert "sesame" not in answer.text


def test_why_nothing_would_answer_is_told(client: TestClient, runs: Runs) -> None:
    runs.refusal = HTTPException(409, "the DAG `run_command` is paused in Airflow")
    answer = give(client, "vic:viewer", "certificates", "mine")
    assert (answer.status_code, answer.json()["detail"]) == (409, "the DAG `run_command` is paused in Airflow")


def test_a_server_that_cannot_check_specs_lets_nobody_but_see(
    client: TestClient, pages: Any, kept: MemoryStore
) -> None:
    pages.dependency_overrides[needs.store] = lambda: UnverifiedStore(kept)
    answer = give(client, "otto:op", "kubeconfig --break-glass", "mine", GLASS)
    assert answer.status_code == 403
    assert "windlass_reading_key" in answer.json()["detail"]


def test_every_command_is_tried_here() -> None:
    assert {one[0] for one in OVER_ONE} | {*EVERYWHERE, *REPAIRS} == {one.value for one in Command}
