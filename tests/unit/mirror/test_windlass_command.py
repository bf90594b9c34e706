from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from windlass.cli import main as command


def test_loads_nothing_but_what_the_named_command_needs(tmp_path: Path) -> None:
    script = (
        "import sys; from windlass.cli.main import main; code = main(['mirror', 'list', '--source', 'modules']);"
        "heavy = {'boto3', 'httpx', 'pydantic', 'airflow', 'rich', 'paramiko'} & set(sys.modules);"
        "print(code, sorted(heavy))"
    )
    argv = [sys.executable, "-c", script]
    shown = subprocess.run(
        argv, capture_output=True, text=True, check=True, env={"WINDLASS_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"}
    )

    assert shown.stdout.splitlines()[-1] == "0 []"
    assert "missing    file:registry:" in shown.stdout


def test_an_unknown_command_is_wrong_use(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "installed_commands", dict)
    with pytest.raises(SystemExit) as ended:
        command.main(["miror"])
    assert ended.value.code == 2
    assert "invalid choice: 'miror' (choose from 'airflow', 'apply', " in capsys.readouterr().err


def test_commands_of_other_packages_are_found_by_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("knot", "tests_of_windlass:add_commands", "windlass.commands")
    monkeypatch.setattr(EntryPoint, "load", lambda self: _add_knot)
    monkeypatch.setattr(metadata, "entry_points", lambda group: (entry,))

    assert command.main(["knot"]) == 7


def _add_knot(commands: object) -> None:
    parser = commands.add_parser("knot")  # type: ignore[attr-defined]  # argparse has no public name for its type
    parser.set_defaults(run=lambda arguments: 7)
