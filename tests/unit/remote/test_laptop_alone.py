"""A laptop where Windlass was installed without its extras: every command that works by Airflow works there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from unit.people.fake_airflow import serving
from unit.remote.test_laptop import BY_AIRFLOW, Commanded, words_of
from windlass.domain.remote import Answer

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DRIVER = """
import io, json, sys
from windlass.cli.main import main
answers = {}
for words in json.load(open(sys.argv[1])):
    sys.stdin = io.StringIO("t1\\n")
    try:
        answers[" ".join(words)] = main(words)
    except BaseException as error:
        answers[" ".join(words)] = repr(error)
print("RESULT " + json.dumps(answers))
"""


def closure(names: list[str], known: set[str]) -> Iterator[str]:
    """Yield what pip would install for these requirements."""
    for text in names:
        required = Requirement(text)
        name = re.sub(r"[-_.]+", "-", required.name).lower()
        if name in known or (required.marker and not required.marker.evaluate({"extra": ""})):
            continue
        known.add(name)
        yield name
        yield from closure(list(distribution(name).requires or ()), known)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with just the packages that the metadata name for a laptop."""
    folder = tmp_path_factory.mktemp("packages")
    for name in closure(PROJECT["dependencies"], set()):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            (folder / top).symlink_to(str(found.locate_file(top)))
    return folder


def run(packages: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{packages}:{ROOT / 'plugins'}", "LANG": "C.UTF-8"}
    argv = [sys.executable, "-S", *arguments]  # without `site`, nothing else that is installed here is found
    return subprocess.run(argv, env=environment | variables, capture_output=True, text=True, check=False)


def test_what_is_not_named_is_not_there(packages: Path) -> None:
    for name in ("airflow", "boto3", "psutil", "google_crc32c"):
        assert "ModuleNotFoundError" in run(packages, "-c", f"import {name}").stderr


def test_every_command_by_airflow_works(packages: Path, tmp_path: Path) -> None:
    with serving(Commanded()) as server:
        assert isinstance(server, Commanded)
        server.answer = Answer((json.dumps({"cluster": "demo", "steps": []}),), (), 0)
        every = [words_of(words, server, tmp_path) for words in BY_AIRFLOW]
        (tmp_path / "words.json").write_text(json.dumps(every))
        variables = {"WINDLASS_CACHE": str(tmp_path / "cache"), "WINDLASS_AIRFLOW_URL": server.url}
        token = {"WINDLASS_AIRFLOW_TOKEN": "t1", "HOME": str(tmp_path)}
        done = run(packages, "-c", DRIVER, str(tmp_path / "words.json"), **variables, **token)
    result = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), done.stderr)
    answers = json.loads(result.removeprefix("RESULT "))
    assert {words: code for words, code in answers.items() if code != 0} == {
        words: 1 for words in answers if words.startswith("health ")
    }, done.stderr


def test_what_takes_more_says_what_to_install(packages: Path, tmp_path: Path) -> None:
    done = run(packages, "-m", "windlass.cli.main", "plan", "demo", HOME=str(tmp_path), WINDLASS_CACHE=str(tmp_path))
    assert done.returncode == 2
    assert "install `windlass[airflow]`" in done.stderr
    assert "Traceback" not in done.stderr
