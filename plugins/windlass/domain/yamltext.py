"""YAML that we wrote or rendered ourselves, read quickly. A user's spec is read with more care, see `spec.document`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from windlass.errors import SpecError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Both are safe; the one in C is ten times faster, and not everywhere."""


def read_yaml(text: str) -> Any:
    """Read one document; yaml.YAMLError if it is none."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 (both loaders are safe)


def read_all_yaml(text: str) -> Iterator[Any]:
    """Read all documents; yaml.YAMLError at one that is none."""
    yield from yaml.load_all(text, Loader=_LOADER)


def compose_yaml(text: str) -> yaml.Node | None:
    """Read one document into nodes, which know their lines; yaml.YAMLError if it is none."""
    node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    return node


def parse_yaml(name: str, text: str) -> list[Any]:
    """Read all YAML documents of `text` that are not empty; SpecError names `name` and the line."""
    try:
        return [document for document in read_all_yaml(text) if document is not None]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{name}, line {line}: no YAML: {error.problem}") from error
