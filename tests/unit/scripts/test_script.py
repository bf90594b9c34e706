from __future__ import annotations

import subprocess

import pytest

from windlass.domain.scripts.script import Script


def test_runs_its_text_from_stdin_under_its_name() -> None:
    script = Script("show-name", {}, 'echo "$1"; cat /proc/$$/cmdline | tr "\\0" " "')
    done = subprocess.run(script.argv, input=script.stdin, capture_output=True, check=True)
    assert done.stdout.decode() == "show-name\nsh -s show-name "


def test_half_a_text_does_nothing() -> None:
    script = Script("echo-twice", {}, "echo one\necho two\n")
    half = script.stdin[: script.stdin.index(b"two")]
    done = subprocess.run(script.argv, input=half, capture_output=True, check=False)
    assert done.returncode != 0
    assert done.stdout == b""


def test_leaves_stdin_to_data_where_its_text_is_an_argument() -> None:
    script = Script("take-data", {}, 'echo "$0"; cat')
    done = subprocess.run(script.argv_with_text, input=b"data", capture_output=True, check=True)
    assert done.stdout == b"take-data\ndata"


@pytest.mark.parametrize("name", ["", "two words", "Upper", "-s", "a--b", "a;b"])
def test_refuses_a_name_that_is_no_word(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a script"):
        Script(name, {}, "true")
