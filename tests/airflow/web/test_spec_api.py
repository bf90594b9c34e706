"""A spec while it is written on a page: checked by the command's own code, in its words."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi.testclient import TestClient

from windlass.cli.spec import validate
from windlass.domain.spec.document import MAX_BYTES
from windlass.effects.packaged import catalog_directory

INCLUDED = sorted((Path(__file__).resolve().parents[3] / "include/clusters").glob("*.yaml"))
SPECS = {path.stem: path.read_text() for path in INCLUDED} | {
    "many problems": INCLUDED[1].read_text().replace("192.0.2.21", "x").replace("worker]", "wroker]"),
    "no yaml": "kind: [",
    "empty": "",
    "secret": INCLUDED[1].read_text() + "  upgrade: {hooks: {before: ['curl -H \"Bearer abcdefghijkl\" x']}}\n",
}


@pytest.fixture
def client(server: TestClient) -> TestClient:
    token = get_auth_manager().generate_jwt(user=SimpleAuthManagerUser(username="vic", role="viewer"))
    server.headers["Authorization"] = f"Bearer {token}"
    return server


def post(client: TestClient, path: str, **body: Any) -> Any:
    return client.post(f"/windlass/api/spec/{path}", json=body)


@pytest.mark.parametrize("name", SPECS)
def test_the_page_says_what_the_command_says_word_by_word(
    client: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec").write_text(SPECS[name])
    told = post(client, "check", text=SPECS[name]).json()
    capsys.readouterr()
    code = validate(argparse.Namespace(files=[Path("spec")], catalog=catalog_directory()))
    said = capsys.readouterr()
    assert [one["text"] for one in told["problems"]] == said.err.splitlines()
    assert ([told["valid"]] if told["valid"] else []) == said.out.splitlines()
    assert bool(told["problems"]) == bool(code)
    assert all(one["text"].startswith(f"spec:{one['line']}: ") for one in told["problems"])
    assert "abcdefghijkl" not in str(told["problems"])


def test_the_form_is_written_into_the_text_which_is_checked_at_once(client: TestClient) -> None:
    text = SPECS["ha-3-1"]
    form = post(client, "check", text=text).json()["form"]
    assert post(client, "fill", text=text, form=form).json()["text"] == text
    form["drivers"]["loadBalancer"] = {"name": "metallb", "answers": {}}
    told = post(client, "fill", text=text, form=form).json()
    assert "driver: metallb" in told["text"]
    assert "`addresses` is missing" in told["problems"][0]["text"]
    assert not told["valid"]


def test_a_text_that_takes_no_form_stays_and_says_why(client: TestClient) -> None:
    form = post(client, "check", text=SPECS["ha-3-1"]).json()["form"]
    answer = post(client, "fill", text=SPECS["no yaml"], form=form)
    assert answer.status_code == 409
    assert "this is no YAML" in answer.json()["detail"]["problems"][0]["text"]
    assert post(client, "check", text=SPECS["no yaml"]).json()["form"] is None


def test_compose_files_are_shown_of_a_spec_in_which_nothing_is_wrong(client: TestClient) -> None:
    hosts = post(client, "preview", text=SPECS["ha-3-1"]).json()["hosts"]
    assert {name: list(stacks) for name, stacks in hosts.items()} == {
        **{name: ["etcd", "control-plane", "api-proxy"] for name in ("cp-1", "cp-2", "cp-3")},
        "w-1": ["api-proxy"],
    }
    assert post(client, "preview", text=SPECS["many problems"]).status_code == 409


@pytest.mark.parametrize("path", ["check", "preview", "fill"])
def test_what_comes_has_bounds_and_a_login(client: TestClient, path: str) -> None:
    body: dict[str, Any] = {"text": "x" * (MAX_BYTES + 1), "form": {}}
    assert post(client, path, **body).status_code == 422
    del client.headers["Authorization"]
    assert post(client, path, **body).status_code == 401
