from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.effects.ssh.shell import command_line, lacks_sudo

WORDS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1)


@settings(max_examples=150, deadline=None)
@given(words=WORDS)
def test_any_words_survive_the_shell(words: list[str]) -> None:
    line = command_line([str(shutil.which("printf")), "%s\\0", *words])
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == words


@pytest.mark.parametrize("word", ["if", "{", "A=b", "exit"])
def test_first_word_is_a_program_and_nothing_else(word: str) -> None:
    done = subprocess.run(["sh", "-c", command_line([f"windlass-{word}"])], capture_output=True, check=False)
    assert done.returncode == 127
    done = subprocess.run(["sh", "-c", command_line([word, "/"])], capture_output=True, check=False)
    assert b"timeout: " in done.stderr


def test_sudo_asks_nothing_and_the_limit_is_inside() -> None:
    line = command_line(["ls", "a b"], as_root=True, limit=timedelta(seconds=1.5))
    end = "sudo -n -- timeout -k 2 1.500 ls 'a b'"
    assert line == f"""exec env LC_ALL=C.UTF-8 sh -c '"$@"; exit $?' sh {end}"""


@settings(max_examples=150, deadline=None)
@given(words=WORDS)
def test_what_is_sent_means_the_same_to_every_login_shell(words: list[str]) -> None:
    line = command_line(["printf", *words])
    # Without any of these, single quotes keep all that is between them in fish, csh and zsh too.
    assert not set("\\!\n\r") & set(line)
    assert not any(word.startswith(("=", "~")) for word in line.split(" "))
    assert line.startswith("exec env ")
    an_apostrophe = "'\"'\"'"
    bare = "".join(line.replace(an_apostrophe, "").split("'")[::2])
    assert not set("$`&|;<>(){}[]*?#") & set(bare)


def test_an_end_by_a_signal_is_a_code_and_input_is_the_commands() -> None:
    line = command_line(["sh", "-c", "cat\nkill -9 $$"])
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=False, input=b"in")
    assert (done.returncode, done.stdout) == (137, b"in")


@pytest.mark.parametrize(
    "stderr",
    [
        "sudo: a password is required\n",
        "sudo: a terminal is required to read the password; either use the -S option\nsudo: a password is required\n",
        "ops is not in the sudoers file.\n",
        "Sorry, user ops is not allowed to execute '/usr/bin/timeout -k 2 ls' as root on cp-1.\n",
        "sh: 1: sudo: not found\n",
        "bash: line 1: sudo: command not found\n",
        "sudo: interactive authentication is required\n",
        "sudo-rs: interactive authentication is required\n",
        "sudo: I'm sorry ops. I'm afraid I can't do that\n",
        "sudo: sorry, you must have a tty to run sudo\n",
    ],
)
def test_refusals_of_sudo_are_recognised(stderr: str) -> None:
    assert lacks_sudo(stderr)


@pytest.mark.parametrize("stderr", ["", "docker: not found\n", "mysql: a password is required\n", "sudo is fine\n"])
def test_other_failures_are_not_taken_for_sudos(stderr: str) -> None:
    assert not lacks_sudo(stderr)
