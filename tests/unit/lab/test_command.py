from __future__ import annotations

from pathlib import Path

import pytest

from windlass.cli.main import main


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path))
    monkeypatch.delenv("WINDLASS_LAB", raising=False)


def test_wrong_names_are_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "up", "--name", "UP"]) == 2
    assert "`UP` cannot name a lab" in capsys.readouterr().err


def test_status_of_a_lab_that_is_not_there_fails_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "status"]) == 1
    assert "there is no lab `dev` (labs: none)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "fault",
    [
        "stop",
        "start",
        "pause",
        "unpause",
        "kill",
        "cut",
        "mend",
        "delay",
        "loss",
        "throttle",
        "fill-disk",
        "free-disk",
        "wipe",
    ],
)
def test_every_fault_is_a_command_that_names_a_lab_that_is_missing(
    fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "fault", fault, "cp-1"]) == 2
    assert "windlass lab up --name dev" in capsys.readouterr().err
