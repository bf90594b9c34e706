"""The tutorial can be followed: its commands are a script of programs that are there, its change is a right spec."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import yaml

from windlass.domain.spec import load_cluster

from .test_adding import SPEC
from .tutorial import blocks

SCRIPT = "".join(blocks())
PROGRAMS = {"export", "make", "sed", "windlass"}


def test_each_line_is_one_command_of_a_program_that_the_tutorial_has() -> None:
    lines = SCRIPT.splitlines()
    assert len(lines) > 20
    assert {shlex.split(line)[0] for line in lines} == PROGRAMS


def test_all_lines_together_are_a_script() -> None:
    subprocess.run(["bash", "-n"], input=SCRIPT, text=True, check=True)


def test_it_begins_with_the_demo_and_takes_it_away_again() -> None:
    made = [line for line in SCRIPT.splitlines() if line.startswith("make ")]
    assert made == ["make demo", "make demo-down"]


def test_its_change_of_the_spec_is_the_one_that_it_speaks_of(tmp_path: Path) -> None:
    (edit,) = (line for line in SCRIPT.splitlines() if line.startswith("sed "))
    (tmp_path / "demo.yaml").write_text(yaml.safe_dump(yaml.safe_load(SPEC), sort_keys=False))
    subprocess.run(shlex.split(edit), cwd=tmp_path, check=True)
    before, after = load_cluster(SPEC, "spec"), load_cluster((tmp_path / "demo.yaml").read_text(), "spec")
    assert before.spec.kubelet != after.spec.kubelet == {"maxPods": 200}
