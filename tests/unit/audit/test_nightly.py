"""The nightly list goes on whatever a step does, and tells what came of each."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tools.nightly.__main__ import STEPS, Step, line, main, run

ROOT = Path(__file__).resolve().parents[3]


def test_a_step_that_fails_or_cannot_begin_holds_up_no_other(tmp_path: Path) -> None:
    steps = [
        Step("bad", ("sh", "-c", "echo why; exit 3")),
        Step("none", ("no-such-command-at-all",)),
        Step("good", ("sh", "-c", "test $NIGHT = long"), {"NIGHT": "long"}),
    ]
    results = run(steps, tmp_path / "nightly", tmp_path)

    assert [(one.name, one.code) for one in results] == [("bad", 3), ("none", 127), ("good", 0)]
    assert (tmp_path / "nightly" / "bad.log").read_text() == "why\n"
    written = json.loads((tmp_path / "nightly" / "results.json").read_text())
    assert [one["name"] for one in written] == ["bad", "none", "good"]
    assert "failed, exit code 3: build/nightly/bad.log" in line(results[0])


def test_every_target_that_a_step_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {step.command[1] for step in STEPS if step.command[0] == "make"} <= targets


def test_a_step_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "no step is called nothing; there are: check, audit" in capsys.readouterr().err
