"""The tutorial can be followed, as far as that can be told without a lab: its commands are run, with some that note.

tests/e2e/test_tutorial.py runs them in a lab.
"""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from windlass.cli.main import make_parser
from windlass.domain.spec import Cluster, Known, load_cluster, problems
from windlass_lab import demo_plan
from windlass_lab.demo_command import DEFAULT_VERSION
from windlass_lab.model import Lab, LabHost

from .pages import DOCS, ROOT
from .tutorial import blocks

SCRIPT = "".join(blocks())
PROGRAMS = {"export", "make", "sed", "windlass"}
NOTES = """#!/bin/bash
{ printf '%q ' "${0##*/}" "$@"; echo; } >> "$NOTED"
case "$*" in 'store spec demo') cat "$STORED" ;; 'replace '*) exit 3 ;; esac
"""
"""Stands for `windlass` and `make`: notes what it is told, has the stored spec, and refuses a replacement."""


def spec_of_the_demo() -> str:
    key = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()
    hosts = tuple(LabHost(name, f"10.87.5.{n}", f"ssh-ed25519 {key}") for n, name in enumerate(demo_plan.HOSTS, 11))
    lab = Lab(name=demo_plan.NAME, subnet="10.87.5.0/24", image="image", hosts=hosts)
    return demo_plan.cluster_spec(lab, DEFAULT_VERSION)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[list[str]], Cluster]:
    """Follow the tutorial in a checkout whose programs note: all that they were told, and the spec that is left."""
    checkout = tmp_path_factory.mktemp("checkout")
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("windlass", "make"):
        (programs / name).write_text(NOTES)
        (programs / name).chmod(0o755)
    (checkout / "stored").write_text(spec_of_the_demo())
    known = {"PATH": f"{programs}:{os.defpath}", "NOTED": str(checkout / "noted"), "STORED": str(checkout / "stored")}
    subprocess.run(["bash", "-euo", "pipefail", "-c", SCRIPT], check=True, cwd=checkout, env=known)
    told = [shlex.split(line) for line in (checkout / "noted").read_text().splitlines()]
    return told, load_cluster((checkout / "demo.yaml").read_text(), "demo.yaml")


def test_each_line_is_one_command_of_a_program_that_the_tutorial_has() -> None:
    lines = SCRIPT.splitlines()
    assert len(lines) > 20
    assert {shlex.split(line)[0] for line in lines} == PROGRAMS


def test_it_begins_with_the_demo_and_takes_it_away_again(followed: tuple[list[list[str]], Cluster]) -> None:
    told = followed[0]
    assert (told[0], told[-1]) == (["make", "demo"], ["make", "demo-down"])
    assert [words for words in told if words[0] == "make"] == [told[0], told[-1]]
    assert len(told) == sum(line.startswith(("windlass", "make")) for line in SCRIPT.splitlines())


def test_each_command_is_one_that_there_is_about_the_demo_and_its_hosts(
    followed: tuple[list[list[str]], Cluster],
) -> None:
    for words in (told[1:] for told in followed[0] if told[0] == "windlass"):
        given = vars(make_parser(words[:1]).parse_args(words))
        names = {given[key] for key in ("cluster", "name") if isinstance(given.get(key), str)}
        assert names <= {demo_plan.NAME, "cp-2"}, words
        assert {word for word in words if word.startswith(("cp-", "w-"))} <= set(demo_plan.HOSTS), words
        if spec := given.get("spec"):
            assert Path(spec).name == "demo.yaml"


def test_its_change_of_the_demos_spec_is_the_one_that_it_speaks_of(
    followed: tuple[list[list[str]], Cluster],
) -> None:
    before, after = load_cluster(spec_of_the_demo(), "spec"), followed[1]
    assert after.model_dump() == {
        **before.model_dump(),
        "spec": {**before.spec.model_dump(), "kubelet": {"maxPods": 200}},
    }
    assert problems(after, Known([DEFAULT_VERSION])) == []


def test_it_counts_the_hosts_of_the_demo() -> None:
    words = ("no", "one", "two", "three", "four", "five")
    assert f"a cluster of {words[len(demo_plan.HOSTS)]} hosts" in (DOCS / "tutorial.md").read_text(encoding="utf-8")


def test_programs_that_it_needs_before_it_has_windlass_are_there() -> None:
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{name}: setup" in targets for name in ("demo", "demo-down"))
