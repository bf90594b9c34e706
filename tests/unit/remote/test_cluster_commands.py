"""Clusters from a command: listed, shown, judged, and their operations started."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from unit.people.fake_airflow import PASSWORD, FakeAirflow, FakeHandler, serving
from windlass.cli.airflow_access import only_embedded
from windlass.cli.clusters import age, health_lines, list_lines, overview_lines
from windlass.cli.embedded.layout import Home
from windlass.cli.embedded.processes import ProcessRecord
from windlass.cli.embedded.secret_files import Secrets, write_private
from windlass.cli.main import main
from windlass.cli.output_form import lines_of, table
from windlass.cli.plan import difference_lines
from windlass.domain.spec import load_cluster
from windlass.domain.spec.overview import Backups, KnownCluster, overview
from windlass.effects.catalog import load_catalog
from windlass.effects.packaged import catalog_directory
from world.specs import SMALL

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DEMO = load_cluster(SMALL, "spec")
CATALOG = load_catalog(catalog_directory())


def known(status: str, *, evidence: str = "answers") -> dict[str, Any]:
    host = DEMO.spec.hosts.members[0].name
    subject = {"component": "etcd", "host": host, "status": status, "since": "2026-11-24T11:00:00+00:00"}
    watched = {"observed": NOW.isoformat(), "subjects": [subject | {"evidence": evidence}]}
    return overview(KnownCluster(DEMO, watched, None, {}, Backups()), CATALOG, NOW)


class Handler(FakeHandler):
    server: Operated

    def of_demo(self, body: str) -> tuple[int, Any]:
        path = urlsplit(self.path).path
        if path == "/windlass/api/clusters":
            return 200, [self.server.overview, {"name": "broken", "error": "its spec\nis cut off"}]
        if path == f"/windlass/api/clusters/{DEMO.name}":
            return 200, self.server.overview
        if path.startswith("/api/v2/dags/"):
            return 200, self._run(path.removeprefix("/api/v2/dags/").split("/"), body)
        return super().of_demo(body)

    def _run(self, words: list[str], body: str) -> Any:
        if body:
            self.server.started = (words[0], json.loads(body)["conf"])
        if "xcomEntries" in words:
            task = words[words.index("taskInstances") + 1]
            return {"value": [f"{task} of {words[0]}"]}
        if words[-1] == "taskInstances":
            entry = {"rendered_map_index": "", "map_index": -1, "try_number": 1, "duration": 1.0}
            done = [{"task_id": name, "state": state, **entry} for name, state in self.server.tasks.items()]
            return {"task_instances": done, "total_entries": len(done)}
        return {"dag_id": words[0], "dag_run_id": "run-1", "state": "success"}


class Operated(FakeAirflow):
    """An Airflow that has one cluster, and in which every run succeeds."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.overview = known("healthy")
        self.started: tuple[str, dict[str, Any]] = ("", {})
        self.tasks: dict[str, str] = {}


@pytest.fixture
def airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operated]:
    with serving(Operated()) as server:
        monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("WINDLASS_AIRFLOW_URL", server.url)
        monkeypatch.setenv("WINDLASS_AIRFLOW_TOKEN", "t1")
        assert isinstance(server, Operated)
        yield server


def test_a_list_has_a_row_for_each_cluster_also_one_that_cannot_be_read(
    airflow: Operated, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["NAME", "STANDING", "VERSION"]
    assert first.split()[:2] == [DEMO.name, "healthy"]
    assert second.startswith("broken")
    assert "unknown: its spec" in second


def test_no_cluster_says_how_to_make_one() -> None:
    assert "windlass apply NAME" in list_lines([])[0]


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_programs_get_what_the_api_has(airflow: Operated, capsys: pytest.CaptureFixture[str], form: str) -> None:
    assert main(["show", DEMO.name, "-o", form]) == 0
    out = capsys.readouterr().out
    assert (json.loads(out) if form == "json" else yaml.safe_load(out)) == airflow.overview


@pytest.mark.parametrize(("status", "code"), [("healthy", 0), ("unhealthy", 1)])
def test_health_fails_unless_the_cluster_is_healthy(
    airflow: Operated, capsys: pytest.CaptureFixture[str], status: str, code: int
) -> None:
    airflow.overview = known(status)
    assert main(["health", DEMO.name]) == code
    assert status in capsys.readouterr().out


def test_what_a_host_says_of_itself_steers_no_terminal() -> None:
    shown = "\n".join(health_lines(known("unhealthy", evidence="\x1b[2Jgone\nDEMO healthy")))
    assert "\x1b" not in shown
    assert "\nDEMO" not in shown


def test_a_cluster_shows_what_a_person_asks_first() -> None:
    shown = "\n".join(overview_lines(known("healthy")))
    for told in (f"{DEMO.name}: healthy", "newest none", "upgrades to", "components: 1 of 1 healthy"):
        assert told in shown
    for host in DEMO.spec.hosts.members:
        assert host.name in shown


@pytest.mark.parametrize(
    ("words", "dag", "conf"),
    [
        (["heal"], "heal_cluster", {}),
        (["heal", "--plan", "--finding", "f1"], "heal_cluster", {"plan_only": True, "finding": "f1"}),
        (["replace", "cp-2", "--reason", "disk"], "replace_member", {"host": "cp-2", "reason": "disk"}),
        (["restore"], "disaster_recovery", {}),
        (
            ["restore", "newest", "--approve", "--overwrite-healthy", "--confirm-name", DEMO.name],
            "disaster_recovery",
            {"bundle": "newest", "auto_approve": True, "overwrite_healthy": True, "confirm_name": DEMO.name},
        ),
        (
            [
                "restore-objects",
                "newest-proven",
                "--namespace",
                "shop",
                "--kind",
                "Secret",
                "--name",
                "a",
                "--overwrite",
            ],
            "restore_objects",
            {"bundle": "newest-proven", "namespace": "shop", "kind": "Secret", "name": "a", "overwrite": True},
        ),
        (["rehearse", "v1.37.2"], "rehearse_upgrade", {"version": "v1.37.2"}),
        (["delete", "--confirm-name", DEMO.name], "delete_cluster", {"confirm_name": DEMO.name}),
        (
            ["delete", "--confirm-name", DEMO.name, "--delete-backups", "--gone", "w-1"],
            "delete_cluster",
            {"confirm_name": DEMO.name, "gone": ["w-1"], "keep_backups": False},
        ),
    ],
)
def test_an_operation_is_a_run_with_the_params_that_were_named(
    airflow: Operated, words: list[str], dag: str, conf: dict[str, Any]
) -> None:
    assert main([words[0], DEMO.name, *words[1:]]) == 0
    assert airflow.started == (dag, {"cluster": DEMO.name, **conf})


@pytest.mark.parametrize(
    ("tasks", "told"),
    [({"plan": "success", "replace": "success"}, "replace"), ({"plan": "success", "replace": "skipped"}, "plan")],
)
def test_a_run_tells_what_the_last_task_came_to_that_was_not_skipped(
    airflow: Operated, capsys: pytest.CaptureFixture[str], tasks: dict[str, str], told: str
) -> None:
    airflow.tasks = tasks
    assert main(["replace", DEMO.name, "cp-2", "-o", "table"]) == 0
    assert capsys.readouterr().out == f"{told} of replace_member\n"


@pytest.mark.parametrize("command", ["delete", "restore"])
def test_another_clusters_name_confirms_nothing(
    airflow: Operated, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, DEMO.name, "--confirm-name", "other"]) == 2
    assert "nothing was started" in capsys.readouterr().err
    assert airflow.started == ("", {})


def test_a_difference_has_each_line_with_its_details() -> None:
    step = {"does": ["w-1: kubelet restarted"], "details": {"w-1: kubelet restarted": ["-a: 1", "+a: 2"]}}
    assert difference_lines({"cluster": "demo", "steps": [step]}) == [
        "w-1: kubelet restarted",
        "    -a: 1",
        "    +a: 2",
    ]
    assert difference_lines({"cluster": "demo", "steps": []}) == ["demo is as its spec says"]


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    assert table(("A", "B"), [("long one", "b")]) == ["A         B", "long one  b"]


@pytest.mark.parametrize(
    ("document", "lines"), [({"a": 1, "b": ["x", "y"]}, ["a: 1", "b: x, y"]), (["x"], ["x"]), (None, ["null"])]
)
def test_what_a_run_came_to_is_read_line_by_line(document: Any, lines: list[str]) -> None:
    assert lines_of(document) == lines


@pytest.mark.parametrize(("seconds", "text"), [(59, "59 s"), (120, "2 min"), (7200, "2 h"), (2 * 86400, "2 d")])
def test_an_age_is_told_in_the_unit_that_says_most(seconds: int, text: str) -> None:
    assert age(seconds) == text


class TestAnAirflowThatRunsHere:
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path / "here"))
        for name in ("AIRFLOW_HOME", "WINDLASS_AIRFLOW_URL", "WINDLASS_AIRFLOW_TOKEN", "AIRFLOW_CONN_WINDLASS_STORE"):
            monkeypatch.delenv(name, raising=False)

    def start(self, name: str, url: str = "http://127.0.0.1:9") -> None:
        home = Home.of(name)
        home.root.mkdir(parents=True)
        runner = asdict(ProcessRecord.of(os.getpid()))
        home.record.write_text(json.dumps({"url": url, "runner": runner}))
        secrets = Secrets(**dict.fromkeys(Secrets.__dataclass_fields__, PASSWORD))
        write_private(home.secrets, json.dumps(asdict(secrets)))

    def test_it_is_the_one_that_a_command_means_which_names_none(self) -> None:
        assert only_embedded({}) is None
        self.start("demo")
        assert only_embedded({}) == "demo"

    def test_of_two_none_is_meant(self) -> None:
        self.start("demo")
        self.start("main")
        assert only_embedded({}) is None

    def test_the_environment_comes_first(self) -> None:
        self.start("demo")
        for name in ("WINDLASS_AIRFLOW_URL", "AIRFLOW_CONN_WINDLASS_STORE", "AIRFLOW_HOME"):
            assert only_embedded({name: "x"}) is None

    def test_one_that_has_ended_is_not_meant(self) -> None:
        self.start("demo")
        record = Home.of("demo").record
        content = json.loads(record.read_text())
        content["runner"]["started"] += 1
        record.write_text(json.dumps(content))
        assert only_embedded({}) is None

    def test_commands_reach_it_without_an_option_and_say_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        with serving(Operated()) as server:
            self.start("demo", server.url)
            assert main(["list"]) == 3  # the fake knows another user: what counts is that it was asked
            assert "/auth/token" in server.paths()
        assert "with `--airflow demo`" in capsys.readouterr().err
