"""YAML read quickly and within bounds: what we rendered, manifests of users, files that lie on hosts.

A spec is read with more care, see `spec.document`. What a short text unfolds to is bounded here (`yamlbounds`), whoever
wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import yaml

from windlass.domain.yamlbounds import LOADER, check_bounds
from windlass.errors import MALFORMED, SpecError

_Read = TypeVar("_Read")


def read_yaml(text: str) -> Any:
    """Read one document; yaml.YAMLError if it is none."""
    return _within_bounds(text, lambda: yaml.load(text, Loader=LOADER))  # noqa: S506 (both loaders are safe)


def read_all_yaml(text: str) -> Iterator[Any]:
    """Read all documents; yaml.YAMLError if one is none."""
    yield from _within_bounds(text, lambda: list(yaml.load_all(text, Loader=LOADER)))


def compose_yaml(text: str) -> yaml.Node | None:
    """Read one document into nodes, which know their lines; yaml.YAMLError if it is none."""
    return _within_bounds(text, lambda: yaml.compose(text, Loader=LOADER))


def compose_all_yaml(text: str) -> list[yaml.Node]:
    """Read all documents into nodes; yaml.YAMLError if one is none."""
    return _within_bounds(text, lambda: list(yaml.compose_all(text, Loader=LOADER)))


def parse_yaml(name: str, text: str) -> list[Any]:
    """Read all YAML documents of `text` that are not empty; SpecError names `name` and, where it is known, the line."""
    try:
        return [document for document in read_all_yaml(text) if document is not None]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        # Not chained to PyYAML's own words, which may quote the lines around.
        raise SpecError(f"{name}, line {line}: no YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        # What looks like a date or a number and is none, or a character that no YAML has.
        raise SpecError(f"{name}: no YAML: {' '.join(str(error).split())}; put values in quotes") from None


def _within_bounds(text: str, read: Callable[[], _Read]) -> _Read:
    try:
        check_bounds(text)
        return read()
    except MALFORMED as error:  # such as a date with a thirteenth month
        # Without its words, which quote what may be secret.
        raise yaml.YAMLError(f"a value that YAML does not have ({type(error).__name__})") from None
