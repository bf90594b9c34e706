"""A laptop that has a login to Airflow alone gives commands; a worker answers, and nothing of it is left on the way."""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.base import Base
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException
from cryptography import x509
from fastapi.testclient import TestClient

from airflow import settings
from windlass.airflow import connections
from windlass.cli import remote
from windlass.cli.main import main
from windlass.domain.remote import AnswerKey
from windlass.domain.sealing import MasterKeys
from windlass.effects.store import AuthenticatedStore, ClusterRecords, ServiceLog
from windlass.web import app as web
from windlass.web import needs
from windlass.web.command_runs import CommandRun, command_runs
from world import World
from world.runs import Run
from world.specs import SMALL

_LOGGED = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T\S+ \[.*\n", re.MULTILINE)
USERS = "vic:viewer,otto:op,sid:user"
SPEC = SMALL + "  access: {roles: {viewer: [see], op: [operate, approve, delete]}}\n"


def finish(world: World, run: Run) -> None:
    for task in world.tasks(run):
        world.execute(task, run)
    run.is_finished = True


class WorldRuns:
    """Runs of commands in the world: a worker takes each at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.runs: dict[str, Run] = {}
        self.logged: list[str] = []
        """What tasks wrote to their logs, which are on the standard output here."""

    def start(self, run_id: str, conf: Mapping[str, Any], person: str) -> None:
        """Run one to its end."""
        run = self.world.begin("run_command", **conf)
        run.run_id, run.user = run_id, person
        finish(self.world, run)
        self.runs[run_id] = run

    def find(self, run_id: str) -> CommandRun | None:
        """Return one."""
        run: Run | None = self.runs.get(run_id)
        if run is None:
            return None
        return CommandRun(run.user or "", run.params["cluster"] or "", "answered", run.results["answer"])


class _Door(BaseHTTPRequestHandler):
    """Hands each request on to Airflow's application, in this process."""

    server: _Server

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {"Authorization": self.headers["Authorization"], "Content-Type": "application/json"}
        with self.server.lock:
            answer = self.server.client.request(self.command, self.path, content=body, headers=headers)
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def __init__(self, client: TestClient) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.client, self.lock = client, threading.Lock()


@pytest.fixture(scope="module")
def world(new: Callable[[str], World]) -> World:
    made = new(SPEC)
    made.run("create_cluster", spec=SPEC)
    made.run("etcd_backup")
    return made


@pytest.fixture(scope="module")
def runs(world: World) -> WorldRuns:
    return WorldRuns(world)


@pytest.fixture(scope="module")
def url(world: World, runs: WorldRuns) -> Iterator[str]:
    Base.metadata.create_all(settings.engine, tables=[Base.metadata.tables["revoked_token"]])
    app, pages = create_app(apps="core"), web.create_app()
    pages.dependency_overrides = {needs.store: lambda: world.store, command_runs: lambda: runs}
    app.mount("/windlass", pages)
    app.router.routes.insert(0, app.router.routes.pop())
    with TestClient(app, raise_server_exceptions=True) as client, _Server(client) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def laptop(
    url: str,
    world: World,
    runs: WorldRuns,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Return what gives a command as somebody, and returns its exit code, output and errors."""

    def never(*_: object) -> Any:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(BaseHook, "get_connection", never)
    monkeypatch.setattr(connections, "open_unchecked_store", lambda: world.bucket)
    monkeypatch.setattr(remote, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(remote, "take_connections", never)
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", USERS)
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WINDLASS_AIRFLOW_URL", url)

    def give(who: str, *words: str) -> tuple[int, str, str]:
        name, role = who.split(":")
        token = get_auth_manager().generate_jwt(user=SimpleAuthManagerUser(username=name, role=role))
        monkeypatch.setenv("WINDLASS_AIRFLOW_TOKEN", token)
        capsys.readouterr()
        code = main([*words, "--airflow", url])
        out, err = capsys.readouterr()
        runs.logged += _LOGGED.findall(out)
        return code, _LOGGED.sub("", out), err

    return give


Laptop = Callable[..., tuple[int, str, str]]


def test_a_viewer_sees_what_a_shell_beside_airflow_would_show(laptop: Laptop, world: World) -> None:
    code, out, err = laptop("vic:viewer", "certificates", "demo", "--json")
    assert (code, err) == (0, "")
    assert "super-admin" in {one["name"] for one in json.loads(out)["certificates"]}

    code, out, _ = laptop("vic:viewer", "backup", "list", "demo", "--json")
    (bundle,) = json.loads(out)
    code, out, err = laptop("vic:viewer", "backup", "verify", "demo", bundle["bundle"])
    assert (code, err) == (0, "")
    assert "are as its manifest says" in out

    code, out, err = laptop("vic:viewer", "plan", "demo", "--json")
    assert (code, json.loads(out)["steps"]) == (0, [])
    assert world.name in err


def test_whoever_may_operate_plans_another_spec_and_a_viewer_does_not(laptop: Laptop, tmp_path: Path) -> None:
    file = tmp_path / "demo.yaml"
    file.write_text(SPEC + "  components: {kube-scheduler: {extraArgs: {v: '3'}}}\n")
    code, out, _ = laptop("otto:op", "plan", "demo", "--spec", str(file), "--json")
    assert code == 0
    assert [step for step in json.loads(out)["steps"] if "kube-scheduler" in json.dumps(step)]
    code, out, err = laptop("vic:viewer", "plan", "demo", "--spec", str(file))
    assert (code, out) == (3, "")
    assert "may not operate" in err or "does not let vic operate" in err


@pytest.mark.parametrize("words", [["certificates", "demo"], ["backup", "list", "demo"], ["plan", "demo"]])
def test_to_a_stranger_there_is_no_such_cluster(laptop: Laptop, runs: WorldRuns, words: list[str]) -> None:
    before = len(runs.runs)
    code, out, err = laptop("sid:user", *words)
    assert (code, out) == (3, "")
    assert "the store knows no cluster `demo`" in err
    assert len(runs.runs) == before


def test_breaking_the_glass_is_for_whoever_has_every_right_and_its_key_lies_on_the_laptop_alone(
    laptop: Laptop, world: World, runs: WorldRuns, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "demo.kubeconfig"
    words = ["kubeconfig", "demo", "--break-glass", "--output", str(file)]
    assert laptop("vic:viewer", *words, "--reason", "x")[0] == 3
    code, _, err = laptop("otto:op", *words)
    assert (code, file.exists()) == (3, False)
    assert "--reason" in err

    code, out, _ = laptop("otto:op", *words, "--reason", "nobody is in a group")

    assert (code, "the service log says that you have it" in out) == (0, True)
    (user,) = yaml.safe_load(file.read_text())["users"]
    certificate = base64.b64decode(user["user"]["client-certificate-data"])
    assert "CN=break-glass:otto" in x509.load_pem_x509_certificate(certificate).subject.rfc4514_string()
    [event] = [one for one in ServiceLog(world.store, "demo").newest(50) if one.operation == "break-glass"]
    assert event.reason == "nobody is in a group"
    key = user["user"]["client-key-data"]
    pem = base64.b64decode(key).decode()
    for where, text in left(world, runs, caplog):
        assert key not in text, where
        assert pem.splitlines()[1] not in text, where


def left(world: World, runs: WorldRuns, caplog: pytest.LogCaptureFixture) -> Iterator[tuple[str, str]]:
    yield "log", caplog.text
    yield "tasks' logs", "".join(runs.logged)
    for run in runs.runs.values():
        yield f"conf {run.run_id}", json.dumps(dict(run.params), default=str)
        yield f"XCom {run.run_id}", json.dumps(run.results, default=str)
    for path, data in world.bucket.objects.items():
        yield path, data.decode(errors="replace")


def test_keys_come_sealed_to_whom_airflow_trusts_with_them(
    laptop: Laptop, world: World, runs: WorldRuns, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert laptop("vic:viewer", "people-key")[0] == 3
    code, out, _ = laptop("otto:op", "people-key")
    assert code == 0
    password = json.loads(out.partition("=")[2])["password"]
    assert MasterKeys.parse(password) == world.keys.for_people()
    assert [where for where, text in left(world, runs, caplog) if password in text] == []


def test_the_store_is_checked_and_its_specs_printed_from_a_laptop(laptop: Laptop) -> None:
    code, out, _ = laptop("otto:op", "store", "check")
    assert (code, out) == (0, "no objects are other than Windlass wrote them\n")
    code, out, _ = laptop("otto:op", "store", "spec", "demo")
    assert (code, yaml.safe_load(out)["metadata"]["name"]) == (0, "demo")


def test_who_wants_two_people_is_not_passed_by_correcting_the_spec(
    laptop: Laptop, world: World, tmp_path: Path
) -> None:
    saved = dict(world.bucket.objects)
    checked = AuthenticatedStore.by(world.bucket, world.keys)
    file = tmp_path / "demo.yaml"
    try:
        ClusterRecords(checked, "demo").save_spec(f"{SPEC}  recovery: {{approval: two-people}}\n")
        file.write_text(SPEC)
        code, _, err = laptop("otto:op", "store", "spec", "demo", "--write", str(file))
        assert code == 3
        assert "wants two people" in err
    finally:
        world.bucket.objects = saved
        world.reopen()


def begin(world: World, user: str | None, **params: Any) -> Run:
    key = AnswerKey.new()
    run = world.begin("run_command", **{"command": "certificates", "arguments": {}, "key": key.public, **params})
    run.user = user
    return run


def test_a_command_that_nobody_waits_for_any_more_is_not_run(world: World) -> None:
    run = begin(world, "otto")
    assert run.run_after is not None
    run.run_after -= timedelta(minutes=6)
    with pytest.raises(AirflowFailException, match="nobody waits"):
        finish(world, run)


@pytest.mark.parametrize(
    "wrong", [{"command": "format"}, {"command": None}, {"key": ""}, {"arguments": {"cluster": "theirs"}}]
)
def test_a_run_of_another_form_fails_and_says_nothing(world: World, wrong: dict[str, Any]) -> None:
    run = begin(world, "otto", **wrong)
    with pytest.raises(AirflowFailException):
        finish(world, run)
    assert not run.results.get("answer")
