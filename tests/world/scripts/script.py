"""What a script is to a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from world.machine import Machine

Arguments = Mapping[str, Any]
Act = Callable[[Machine, Arguments], Iterator[str]]
"""Does what the script of one name does, by its arguments, and yields what it prints."""


class ScriptError(Exception):
    """The script ends with an error."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
