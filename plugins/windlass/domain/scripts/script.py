"""A shell script as a value: its name, the arguments that its text was built from, and the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHANGED = "changed: "
"""Begins each line by which a script says what it changed."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Script:
    """A script for a host's `sh`.

    The name is what `ps` on the host and errors show; fakes and tests know a script by its name and arguments, and
    only golden files know its text. A secret is neither an argument nor in the text of a script: it goes to the host
    as a file.
    """

    name: str
    """Kebab-case, a verb first: `restart-component`."""
    arguments: Mapping[str, Any]
    """What the text was built from, by name."""
    text: str
    is_look: bool = False
    """Whether it changes nothing; what does not say so is a change, and goes through `effects.ssh.guard`."""

    def __post_init__(self) -> None:
        """Refuse a name that would not be one word to a shell."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"not the name of a script: {self.name!r}")

    @property
    def argv(self) -> list[str]:
        """Return the command that runs what comes on its stdin; the name is its `$1`, which no script reads."""
        return ["sh", "-s", self.name]

    @property
    def stdin(self) -> bytes:
        """Return the text as the host gets it.

        In braces the shell runs nothing before it has read all: a connection that is lost half-way leaves half a
        script.
        """
        return f"{{\n{self.text}\n}}\n".encode()

    @property
    def argv_with_text(self) -> list[str]:
        """Return the command that carries the text itself, for a script whose stdin is data; the name is its `$0`."""
        return ["sh", "-c", self.text, self.name]


def changes_of(output: str) -> tuple[str, ...]:
    """Return what a script says that it changed."""
    return tuple(line.removeprefix(CHANGED) for line in output.splitlines() if line.startswith(CHANGED))
