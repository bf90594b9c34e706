"""Chooses the source that a mirror is filled from."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from windlass.errors import SpecError, UnreachableError
from windlass.mirror.source import Source

SETTING = "WINDLASS_MIRROR_SOURCE"
SOURCES = ("official", "modules")
CHOICES = ("auto", *SOURCES)


@dataclass(frozen=True)
class SourceChoice:
    """The source that was taken, and why."""

    source: Source
    reason: str


def configured(argument: str | None) -> str:
    """Return what the command line says, or the setting, or `auto`; SpecError if it is none of the choices."""
    wanted = argument or os.environ.get(SETTING) or "auto"
    if wanted not in CHOICES:
        raise SpecError(f"{SETTING} is `{wanted}`; it must be one of {', '.join(CHOICES)}")
    return wanted


def choose(wanted: str, open_source: Callable[[str], Source]) -> SourceChoice:
    """Take the source that is wanted; for `auto` the official one if it answers, else the modules."""
    if wanted != "auto":
        source = open_source(wanted)
        problem = source.problem()
        if problem is not None:
            raise UnreachableError(f"the source `{wanted}` cannot be used: {problem}")
        return SourceChoice(source, "it was asked for")
    official = open_source("official")
    unreachable = official.problem()
    if unreachable is None:
        return SourceChoice(official, "the official sites answer")
    modules = open_source("modules")
    problem = modules.problem()
    if problem is not None:
        raise UnreachableError(
            f"no source can be used: official: {unreachable}; modules: {problem}; fix one of the two and run again"
        )
    return SourceChoice(modules, f"the official sites cannot be used: {unreachable}")
