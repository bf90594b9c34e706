from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass_lab import freezer
from windlass_lab.freezer import freezer_group, thaw


def test_finds_the_group_of_the_freezer_alone() -> None:
    assert freezer_group("12:memory:/docker/ab\n9:freezer:/docker/ab/own\n0::/docker/no\n") == "docker/ab/own"
    assert freezer_group("9:cpu,freezer:/docker/ab\n") == "docker/ab"
    assert freezer_group("0::/docker/ab\n") == ""
    assert freezer_group("9:freezer:/\n") == ""


def test_thaws_all_below_and_nothing_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = {name: tmp_path / name / "freezer.state" for name in ("docker/ab", "docker/ab/inner", "docker/other")}
    for state in states.values():
        state.parent.mkdir(parents=True, exist_ok=True)
        state.write_text("FROZEN\n")
    monkeypatch.setattr(freezer, "freezer_group", lambda _: "docker/ab")

    thaw([os.getpid()], tmp_path)

    assert {name: state.read_text().strip() for name, state in states.items()} == {
        "docker/ab": "THAWED",
        "docker/ab/inner": "THAWED",
        "docker/other": "FROZEN",
    }


def test_a_process_that_is_gone_has_nothing_to_thaw(tmp_path: Path) -> None:
    thaw([2**22 + 1], tmp_path)
