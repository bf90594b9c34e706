"""`windlass apply -f DIR`: every spec of a folder, and an exit code that a pipeline can go by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from windlass.cli import apply_folder as module
from windlass.cli.main import main
from windlass.errors import RefusedError, UnreachableError
from world.specs import SMALL


class Client:
    """Airflow, in which runs of some clusters fail."""

    def __init__(self) -> None:
        self.begun: dict[str, dict[str, Any]] = {}
        self.ends: dict[str, str] = {}
        self.refuses: dict[str, Exception] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def trigger(self, dag_id: str, *, run_id: str, conf: dict[str, Any]) -> Any:
        if error := self.refuses.get(conf["cluster"]):
            raise error
        self.begun[run_id] = conf

    def follow(self, dag_id: str, run_id: str, on_change: Any, *, within: Any) -> Any:
        ended = self.ends.get(self.begun[run_id]["cluster"], "")
        if ended == "away":
            raise UnreachableError("still running")
        return SimpleNamespace(dag_id=dag_id, run_id=run_id, state="failed" if ended else "success", failed=ended)

    def tasks(self, dag_id: str, run_id: str) -> list[Any]:
        task = self.ends[self.begun[run_id]["cluster"]]
        return [SimpleNamespace(task_id=task, state="failed", label="")]

    def log(self, dag_id: str, run_id: str, task: Any) -> str:
        return "AirflowFailException: cp-1: no space left on device"

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        return {"state": "done", "steps": ["etcd cp-1"]}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    made = Client()
    monkeypatch.setattr(module, "open_client", lambda _: made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        put(tmp_path / f"{name}.yaml", name)
    return tmp_path


def put(path: Path, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SMALL.replace("name: demo", f"name: {name}"))


def apply(folder: Path, *words: str) -> int:
    return main(["apply", "-f", str(folder), "--airflow", "http://airflow", *words])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return {one["file"]: one for one in json.loads(capsys.readouterr().out)}


def test_all_are_applied_side_by_side_under_ids_that_a_pipeline_can_give(
    client: Client, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder / "sites" / "d.yml", "d")
    (folder / ".github.yaml").write_text("on: push")
    (folder / "kustomization.yaml").write_text("kind: Kustomization")
    assert apply(folder, "--run-id", "commit-1", "--approve") == 0
    assert list(client.begun) == [f"commit-1-{name}" for name in "abcd"]
    assert client.begun["commit-1-d"] == {
        "cluster": "d",
        "reason": "apply -f: sites/d.yml",
        "spec": (folder / "sites" / "d.yml").read_text(),
        "auto_approve": True,
    }
    out = told(capsys)
    assert set(out) == {"a.yaml", "b.yaml", "c.yaml", "sites/d.yml"}
    assert out["a.yaml"]["result"]["state"] == "done"


@pytest.mark.parametrize(("end", "code"), [("roll", 1), ("gate", 3), ("away", 4)])
def test_one_that_fails_hides_no_other_and_the_worst_decides(
    client: Client, folder: Path, capsys: pytest.CaptureFixture[str], end: str, code: int
) -> None:
    client.ends["b"] = end
    (folder / "broken.yaml").write_text("apiVersion: windlass/v1\nkind: Cluster\nspec: [")
    assert apply(folder) == code
    out = told(capsys)
    assert [out[name]["exit_code"] for name in sorted(out)] == [0, code, 2, 0]
    assert "error" in out["b.yaml"]
    assert {conf["cluster"] for conf in client.begun.values()} == {"a", "b", "c"}


def test_one_that_may_not_be_started_hides_no_other(
    client: Client, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client.refuses["a"] = RefusedError("you may not operate a")
    assert apply(folder, "--no-wait", "-o", "table") == 3
    assert "you may not operate a" in capsys.readouterr().out
    assert {conf["cluster"] for conf in client.begun.values()} == {"b", "c"}


def test_of_two_files_about_one_cluster_neither_is_applied(
    client: Client, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder / "again.yaml", "b")
    assert apply(folder) == 2
    out = told(capsys)
    assert "also in again.yaml" in out["b.yaml"]["error"]
    assert {conf["cluster"] for conf in client.begun.values()} == {"a", "c"}


def test_a_file_with_a_secret_or_two_documents_or_no_text_is_refused_alone(
    client: Client, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.yaml").write_text((folder / "a.yaml").read_text() + "---\n" + SMALL)
    (folder / "b.yaml").write_bytes(b"\xff\xfe")
    (folder / "link.yaml").symlink_to("/etc/hostname")
    assert apply(folder) == 2
    out = told(capsys)
    assert "2 documents" in out["a.yaml"]["error"]
    assert "cannot be read" in out["b.yaml"]["error"]
    assert set(out) == {"a.yaml", "b.yaml", "c.yaml"}
    assert [conf["cluster"] for conf in client.begun.values()] == ["c"]


@pytest.mark.parametrize("words", [["demo"], ["--gone", "cp-1"], ["--plan-digest", "0" * 64], ["--spec", "x.yaml"]])
def test_what_is_for_one_cluster_is_not_for_a_folder(client: Client, folder: Path, words: list[str]) -> None:
    assert apply(folder, *words) == 2
    assert client.begun == {}


def test_a_folder_without_specs_and_no_folder_and_no_cluster_are_wrong_use(client: Client, tmp_path: Path) -> None:
    assert apply(tmp_path) == 2
    assert apply(tmp_path / "none") == 2
    assert main(["apply", "--airflow", "http://airflow"]) == 2
    assert client.begun == {}
