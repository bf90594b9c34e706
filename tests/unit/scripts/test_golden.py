"""The text of each script that hosts run, as a file to read; a change of one shows in review as what it is.

After a change that is meant: `PYTHONPATH=plugins:tests python -m unit.scripts.samples`, then read the difference.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.scripts.samples import GOLDEN, SAMPLES

ROOT = Path(__file__).parents[3]
WRITE = "PYTHONPATH=plugins:tests python -m unit.scripts.samples"
MAKERS = {"Script", "in_turn", "at_once"}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_text_is_as_it_was_read_last(name: str) -> None:
    path = GOLDEN / f"{name}.sh"
    before = path.read_text() if path.exists() else ""
    assert SAMPLES[name].text == before, f"the text of {name} has changed; if that is meant, run `{WRITE}` and review"


def test_no_file_is_left_of_a_script_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sh")} == set(SAMPLES)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.sh")), ids=lambda path: path.stem)
def test_a_posix_shell_can_read_it(path: Path) -> None:
    done = subprocess.run(["sh", "-n", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_each_script_has_a_file() -> None:
    assert {name.partition(".")[0] for name in SAMPLES} == set(_names_in_the_code())
    assert all(script.name == name.partition(".")[0] for name, script in SAMPLES.items())


def _names_in_the_code() -> Iterator[str]:
    """Yield the names that scripts are made with, which are all literals."""
    for path in sorted((ROOT / "plugins" / "windlass").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS and node.args:
                match node.args[0]:
                    case ast.Constant(value=str(name)):
                        yield name
