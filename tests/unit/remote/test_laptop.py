"""A laptop with a login to Airflow, and nothing else: each command works, and none asks for a connection."""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.sdk import BaseHook

from unit.docs.pages import DOCS, code, rows, sections
from unit.people.fake_airflow import FakeAirflow, FakeHandler, serving
from unit.remote.test_rules import given
from windlass.airflow import services
from windlass.cli import airflow_access, remote
from windlass.cli.airflow_access import open_client
from windlass.cli.embedded import client
from windlass.cli.main import main, make_parser
from windlass.domain.remote import Answer, AnswerKey, Command, answer_context, needs_of, seal_answer
from windlass.domain.spec import load_cluster
from windlass.domain.spec.overview import Backups, KnownCluster, overview
from windlass.effects.catalog import load_catalog
from windlass.effects.packaged import catalog_directory
from windlass.errors import UnreachableError
from world.specs import SMALL

COLUMNS = rows(sections(DOCS / "commands.md")["What each command needs"])
TABLE = {code(cells[0])[0].removeprefix("windlass "): cells for cells in COLUMNS}
CATALOG = load_catalog(catalog_directory())
HERE, WORKER, API = "this machine", "a worker", "Airflow's API"


@dataclass(frozen=True)
class Leaf:
    """A command of the parser that can be run."""

    words: str
    takes_airflow: bool
    module: str


def leaves(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[Leaf]:
    options = {option for action in parser._actions for option in action.option_strings}
    if run := parser.get_default("run"):
        yield Leaf(" ".join(words), "--airflow" in options, run.__module__)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from leaves(below, (*words, name))


LEAVES = {leaf.words: leaf for leaf in leaves(make_parser([]))}
GIVEN = {
    "apply": ["demo", "--spec", "SPEC"],
    "audit": ["demo", "--json"],
    "backup drill": ["demo"],
    "delete": ["demo", "--confirm-name", "demo"],
    "diff": ["demo", "--spec", "SPEC"],
    "heal": ["demo"],
    "health": ["demo"],
    "list": [],
    "rehearse": ["demo", "v1.37.2"],
    "replace": ["demo", "cp-2"],
    "restore": ["demo", "newest"],
    "restore-objects": ["demo", "--namespace", "shop", "--approve"],
    "show": ["demo"],
    "backup list": ["demo"],
    "backup now": ["demo"],
    "backup show": ["demo"],
    "backup verify": ["demo"],
    "certificates": ["demo", "--within", "30"],
    "credential": ["--cluster", "demo"],
    "kubeconfig": ["demo", "--output", "OUT"],
    "kubeconfig --break-glass": ["demo", "--output", "OUT", "--reason", "nobody else can"],
    "log": ["demo"],
    "login": ["--token"],
    "master-key": [],
    "mirror accept": ["http://192.0.2.1:8080"],
    "mirror accepted": [],
    "people-key": [],
    "plan": ["demo", "--spec", "SPEC"],
    "store accept": ["demo"],
    "store check": [],
    "store reading-key": [],
    "store record-key": [],
    "store restore-pki": ["demo", "SPEC"],
    "store sign": ["--plan-only"],
    "store spec": ["demo", "--write", "SPEC"],
    "upgrade": ["demo", "--to", "v1.37.2"],
}
"""What each command is told that works with Airflow."""
GIVES = {"diff": "plan"}
"""Which command is given to the worker, where it is another."""
OVERVIEW = overview(KnownCluster(load_cluster(SMALL, "spec"), {}, None, {}, Backups()), CATALOG, datetime.now(UTC))
RESULTS: dict[str, Any] = {
    "verify": ["nodes are ready"],
    "rehearse": {"defects": []},
    "replace": ["cp-2: replaced"],
    "restore": {"done": []},
    "heal": {"done": []},
    "forget": ["spec.yaml"],
    "take": {"bundle": "b", "keys": 1, "bytes": 1, "source": "cp-1"},
    "drill": {"bundle": "b", "host": "w-1", "milliseconds": {"total": 1}, "compared": {}},
    "result": {"state": "done"},
}


class Handler(FakeHandler):
    """Answers commands too, and runs of the DAGs that laptops start."""

    server: Commanded

    def of_demo(self, body: str) -> tuple[int, Any]:
        path = urlsplit(self.path).path
        if "/commands" in path:
            return self._command(path, body)
        if path in {"/windlass/api/clusters", "/windlass/api/clusters/demo"}:
            return 200, [OVERVIEW] if path.endswith("clusters") else OVERVIEW
        if path.startswith("/api/v2/dags/"):
            return 200, self._run(path.removeprefix("/api/v2/dags/"))
        return super().of_demo(body)

    def _command(self, path: str, body: str) -> tuple[int, Any]:
        if self.command == "GET":
            return 200, {"state": self.server.state, "answer": self.server.sealed}
        asked = json.loads(body)
        cluster = path.split("/clusters/")[1].split("/", maxsplit=1)[0] if "/clusters/" in path else ""
        self.server.asked = (asked["command"], cluster, asked["arguments"])
        context = answer_context("run-1", asked["command"], cluster)
        self.server.sealed = seal_answer(self.server.answer.to_bytes(), asked["key"], context)
        return 200, {"run": "run-1"}

    def _run(self, path: str) -> Any:
        dag, *rest = path.split("/")
        state = {"dag_id": dag, "dag_run_id": "run-1", "state": "queued" if self.server.is_paused else "success"}
        if "xcomEntries" in rest:
            return {"value": RESULTS[rest[rest.index("taskInstances") + 1]]}
        if rest and rest[-1] == "taskInstances":
            return {"task_instances": [], "total_entries": 0}
        return {"is_paused": self.server.is_paused, "dag_id": dag} if not rest else state


class Commanded(FakeAirflow):
    """An Airflow that answers every command with the same words."""

    def __init__(self, handler: type[BaseHTTPRequestHandler] = Handler) -> None:
        super().__init__(handler)
        self.answer, self.state, self.sealed = Answer(("the answer",), ("told beside it",), 0), "answered", ""
        self.is_paused = False
        self.asked: tuple[str, str, Any] = ("", "", {})


def never(*_: object, **__: object) -> Any:
    raise AssertionError("a connection was asked for")


@pytest.fixture
def airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commanded]:
    for name in list(os.environ):
        if name.startswith(("WINDLASS_", "AIRFLOW_CONN_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WINDLASS_AIRFLOW_TOKEN", "t1")
    monkeypatch.setattr(BaseHook, "get_connection", never)
    monkeypatch.setattr(services, "_build", never)
    monkeypatch.setattr(airflow_access, "take_connections", never)
    monkeypatch.setattr(remote, "take_connections", never)
    monkeypatch.setattr(remote, "_PAUSE_SECONDS", 0.01)
    with serving(Commanded()) as server:
        yield server


def words_of(words: str, airflow: Commanded, tmp_path: Path) -> list[str]:
    (tmp_path / "spec.yaml").write_text(SMALL)
    places = {"SPEC": str(tmp_path / "spec.yaml"), "OUT": str(tmp_path / "kubeconfig")}
    return [*words.split(), *(places.get(one, one) for one in GIVEN[words]), "--airflow", airflow.url]


def test_the_table_has_every_command_once_and_says_where_it_runs() -> None:
    assert len(TABLE) == len(COLUMNS)
    assert set(TABLE) == {*LEAVES, "kubeconfig --break-glass"}
    for words, leaf in LEAVES.items():
        assert (TABLE[words][1] != HERE) is leaf.takes_airflow, words
    in_worker = {words for words, cells in TABLE.items() if cells[1] == WORKER}
    assert in_worker == {one.value for one in Command} | set(GIVES)
    assert {cells[1] for cells in COLUMNS} == {HERE, WORKER, API}


@pytest.mark.parametrize("command", Command)
def test_the_table_says_which_right_each_command_takes(command: Command) -> None:
    needs = needs_of(command, given(command))
    keeper = ["keeper"] if needs.is_for_keepers else []
    told = TABLE[command][2].partition(";")[0]
    assert told == ", ".join([*needs.rights, *keeper])


BY_AIRFLOW = sorted({leaf.words for leaf in LEAVES.values() if leaf.takes_airflow} | {"kubeconfig --break-glass"})


@pytest.mark.parametrize("words", BY_AIRFLOW)
def test_a_login_to_airflow_is_all_that_a_command_asks_for(
    words: str, airflow: Commanded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: "t1")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setenv("WINDLASS_AIRFLOW_URL", airflow.url)
    if words == "diff":
        airflow.answer = Answer((json.dumps({"cluster": "the answer", "steps": []}),), ("told beside it",), 0)

    assert main(words_of(words, airflow, tmp_path)) == (1 if words == "health" else 0)

    out, err = capsys.readouterr()
    assert airflow.sent or words == "login"
    if TABLE[words][1] == WORKER:
        assert airflow.asked[0] == GIVES.get(words, words)
        assert "told beside it" in err
        assert ("the answer" in out) is (words != "kubeconfig --break-glass")


@pytest.mark.parametrize("words", sorted(leaf.words for leaf in LEAVES.values() if not leaf.takes_airflow))
def test_what_works_on_this_machine_alone_knows_no_connection(words: str) -> None:
    source = importlib.import_module(LEAVES[words].module).__file__
    assert source
    tree = ast.parse(Path(source).read_text(encoding="utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert not [one for one in imported if one.startswith(("windlass.airflow", "airflow"))]
    assert "take_connections" not in names


def test_yaml_is_made_here_of_the_json_that_a_worker_gives(
    airflow: Commanded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    airflow.answer = Answer(('{"certificates": [{"name": "\\u001b[2J"}]}',), (), 0)
    assert main([*words_of("certificates", airflow, tmp_path), "-o", "yaml"]) == 0
    assert capsys.readouterr().out == 'certificates:\n- name: "\\e[2J"\n'
    assert airflow.asked[2]["as_json"]


def test_the_token_of_airflows_own_command_is_a_login(airflow: Commanded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WINDLASS_AIRFLOW_TOKEN")
    assert main(["list", "--airflow", airflow.url]) == 3
    monkeypatch.setenv("AIRFLOW_CLI_TOKEN", "t1")
    assert main(["list", "--airflow", airflow.url]) == 0


def test_whatever_a_command_comes_to_is_its_exit_code_here(airflow: Commanded, tmp_path: Path) -> None:
    airflow.answer = Answer((), ("windlass: refused",), 3)
    assert main(words_of("plan", airflow, tmp_path)) == 3


def test_break_glass_is_written_to_a_file_that_nobody_else_reads_and_shown_nowhere(
    airflow: Commanded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    airflow.answer = Answer(("a kubeconfig",), (), 0)
    assert main(words_of("kubeconfig --break-glass", airflow, tmp_path)) == 0
    file = tmp_path / "kubeconfig"
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("a kubeconfig", 0o600)
    assert "a kubeconfig" not in "".join(capsys.readouterr())
    assert airflow.asked == ("kubeconfig --break-glass", "demo", {"hours": 1.0, "reason": "nobody else can"})


def test_a_kubeconfig_that_was_refused_leaves_no_file(airflow: Commanded, tmp_path: Path) -> None:
    airflow.answer = Answer((), ("windlass: no",), 3)
    assert main(words_of("kubeconfig --break-glass", airflow, tmp_path)) == 3
    assert not (tmp_path / "kubeconfig").exists()


def test_who_somebody_is_airflow_says_and_no_option(
    airflow: Commanded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words_of("kubeconfig --break-glass", airflow, tmp_path), "--user", "eve"]) == 2
    assert "your login says who you are" in capsys.readouterr().err
    assert not airflow.sent


def test_a_spec_with_a_secret_in_clear_does_not_leave_the_laptop(airflow: Commanded, tmp_path: Path) -> None:
    for words in ("plan", "store spec"):
        given_words = words_of(words, airflow, tmp_path)
        secret = f"{SMALL}  upgrade: {{hooks: {{environment: {{TOKEN: sesame-open-zx9}}}}}}\n"
        (tmp_path / "spec.yaml").write_text(secret)
        assert main(given_words) == 2
        assert not airflow.sent


def test_an_answer_that_was_swapped_is_refused(
    airflow: Commanded, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"run": "r", "state": "answered", "answer": seal_answer(b"x", AnswerKey.new().public, "")}
    monkeypatch.setattr(Handler, "_command", lambda *_: (200, answer))
    assert main(words_of("certificates", airflow, tmp_path)) == 1
    assert "not sealed for this command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "limit", "told"),
    [
        (
            "waiting",
            "BEGUN_WITHIN",
            "no worker of Airflow has begun `windlass certificates` (run run-1 of `run_command`)",
        ),
        ("working", "DONE_WITHIN", "is still at work"),
    ],
)
def test_where_no_answer_comes_it_says_what_to_look_at(
    airflow: Commanded, monkeypatch: pytest.MonkeyPatch, state: str, limit: str, told: str
) -> None:
    airflow.state = state
    monkeypatch.setattr(remote, limit, timedelta())
    with open_client(airflow.url) as opened, pytest.raises(UnreachableError) as raised:
        remote.ask(opened, Command.CERTIFICATES, given(Command.CERTIFICATES), "demo")
    assert told in str(raised.value)


def test_a_run_that_failed_says_where_the_reason_is(
    airflow: Commanded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    airflow.state = "failed"
    assert main(words_of("certificates", airflow, tmp_path)) == 1
    assert "its log in Airflow says why" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "why", "told"),
    [
        (403, "ada may not see this cluster", "ada may not see this cluster"),
        (404, "the store knows no cluster `demo`", "knows no cluster"),
        (404, "Not Found", "an older one that does not know this"),
        (409, "the DAG `run_command` is paused in Airflow; unpause it", "unpause it"),
        (429, "8 commands are not answered yet", "not answered yet"),
    ],
)
def test_why_airflow_refuses_is_told(
    airflow: Commanded, tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, why: str, told: str
) -> None:
    airflow.refusal = (status, why)
    assert main(words_of("audit", airflow, tmp_path)) == 3
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("words", ["apply", "upgrade", "backup now", "backup drill"])
def test_nobody_waits_for_a_dag_that_is_paused(
    airflow: Commanded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    airflow.is_paused = True
    monkeypatch.setattr(client, "_QUEUED_SECONDS", -1.0)
    assert main(words_of(words, airflow, tmp_path)) == 3
    assert "is paused in Airflow" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["apply", "backup now"])
def test_who_may_start_no_run_is_refused(
    airflow: Commanded, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    airflow.refusal = (403, "vic may not operate this cluster")
    assert main(words_of(words, airflow, tmp_path)) == 3
    assert "vic may not operate this cluster" in capsys.readouterr().err


def test_whoever_has_not_logged_in_is_told_how(
    airflow: Commanded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WINDLASS_AIRFLOW_TOKEN")
    assert main(words_of("certificates", airflow, tmp_path)) == 3
    assert f"`windlass login --airflow {airflow.url}`" in capsys.readouterr().err
