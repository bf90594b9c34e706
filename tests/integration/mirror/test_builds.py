from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from windlass.mirror.commands import Commands
from windlass.mirror.golang import Builder, Toolchain, build_into
from windlass.mirror.places import recipes_directory
from windlass.mirror.recipes import Recipes

SMALL = "cni-plugin-flannel"


class Quiet:
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, what: str) -> None:
        self.said.append(what)

    def advance(self, done: int, total: int | None) -> None:
        self.said.append(f"{done} of {total}")


def build(work: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Build with a compiler cache of its own, so that nothing of another build is taken over."""
    monkeypatch.setenv("GOCACHE", str(work / "gocache"))
    out = work / "out"
    out.mkdir(parents=True)
    build_into(Recipes(recipes_directory()), SMALL, work / "source", out, Toolchain(Commands(), Quiet()))
    return (out / "flannel").read_bytes()


def test_two_builds_of_one_recipe_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(tmp_path / "first", monkeypatch)
    second = build(tmp_path / "second-and-longer-name", monkeypatch)

    assert first == second
    assert first[:4] == b"\x7fELF"
    assert str(tmp_path).encode() not in first


def test_the_c_program_is_the_same_each_time(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "another"):
        out = tmp_path / name
        out.mkdir()
        build_into(Recipes(recipes_directory()), "pause", out / "source", out, Toolchain(Commands(), Quiet()))
        contents.append((out / "pause").read_bytes())

    assert contents[0] == contents[1]


def test_a_damaged_build_is_made_again(tmp_path: Path) -> None:
    recipes = Recipes(recipes_directory())
    kept = tmp_path / "builds"
    program = Builder(recipes, kept, Commands()).program("pause/pause", Quiet())
    content = program.read_bytes()
    program.write_bytes(content[:-1] + b"?")

    again = Quiet()
    assert Builder(recipes, kept, Commands()).program("pause/pause", again).read_bytes() == content
    assert "gcc pause.c" in again.said

    untouched = Quiet()
    Builder(recipes, kept, Commands()).program("pause/pause", untouched)
    assert untouched.said == []


def test_an_unfinished_build_counts_as_none(tmp_path: Path) -> None:
    recipes = Recipes(recipes_directory())
    kept = tmp_path / "builds"
    program = Builder(recipes, kept, Commands()).program("pause/pause", Quiet())
    (program.parent / "digests.json").unlink()
    shutil.copytree(program.parent, program.parent.with_name(f".{program.parent.name}.1"))

    again = Quiet()
    Builder(recipes, kept, Commands()).program("pause/pause", again)
    assert "gcc pause.c" in again.said
