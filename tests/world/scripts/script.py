"""What a script is to a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from world.machine import Machine

Script = Callable[[Machine, str], Iterator[str]]
"""Yields what the script prints."""


class ScriptError(Exception):
    """The script ends with an error."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
