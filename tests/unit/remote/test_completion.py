"""What shells complete: every command and option, by the shells themselves where they are here."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from windlass.cli.completion import places_of
from windlass.cli.main import make_parser
from windlass.domain.scripts.completion import bash, fish, zsh

PLACES = tuple(places_of(make_parser([])))


def completed(*words: str) -> set[str]:
    """What bash offers for the last of the words."""
    typed = " ".join(f"'{word}'" for word in ("windlass", *words))
    script = f'{bash(PLACES)}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words)}; _windlass; echo "${{COMPREPLY[@]}}"'
    return set(subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["back"], {"backup"}),
        (["backup", "l"], {"list"}),
        (["backup", "list", "prod", "--out"], {"--output"}),
        (["plan", "--acc"], {"--accept-new-host-key"}),
        (["lab", "fault", "fill"], {"fill-disk"}),
        (["nonsense", "x"], set()),
    ],
)
def test_bash_offers_what_may_follow(words: list[str], offered: set[str]) -> None:
    assert completed(*words) == offered


def test_every_command_is_a_place() -> None:
    assert {place.words[0] for place in PLACES if place.words} == set(PLACES[0].commands)


@pytest.mark.parametrize(("shell", "text"), [("zsh", zsh(PLACES)), ("fish", fish(PLACES)), ("bash", bash(PLACES))])
def test_each_shell_can_read_its_own(shell: str, text: str) -> None:
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=text, text=True, check=True)
    assert "backup" in text
