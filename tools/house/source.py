"""Python files as rules read them, and what a rule returns."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

_GAP = "\N{REPLACEMENT CHARACTER}"
"""Stands in a text where an f-string has a value."""


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: PurePosixPath
    """From the repository's top."""
    code: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.code, str(self.path))

    def is_in(self, *folders: str) -> bool:
        """Say whether it is one of `folders`, or lies below one."""
        return any(self.path.is_relative_to(folder) for folder in folders)

    def at(self, node: ast.AST) -> str:
        """Return the place of a node: `path:line`."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"

    def texts(self) -> Iterator[tuple[ast.expr, str]]:
        """Yield the strings that the code uses: no docstrings, no `__all__`; an f-string is one text with gaps."""
        yield from _texts(self.tree)


@dataclass(frozen=True)
class Result:
    """What a rule found: the figure to read off, and a line for each place that breaks the rule."""

    figure: str
    broken: Sequence[str] = ()


def read_sources(root: Path, *folders: str) -> list[Source]:
    """Return all Python files below `folders` of the repository at `root`."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    return [Source(PurePosixPath(path.relative_to(root).as_posix()), path.read_text()) for path in paths]


def _texts(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    match node:
        case ast.Constant(value=str(text)):
            yield node, text
        case ast.JoinedStr(values=parts):
            yield node, "".join(str(part.value) if isinstance(part, ast.Constant) else _GAP for part in parts)
            formatted = (part.value for part in parts if isinstance(part, ast.FormattedValue))
            yield from _texts_of(formatted)
        case ast.Expr(value=ast.Constant()) | ast.Assign(targets=[ast.Name(id="__all__")]):
            return
        case _:
            yield from _texts_of(ast.iter_child_nodes(node))


def _texts_of(nodes: Iterable[ast.AST]) -> Iterator[tuple[ast.expr, str]]:
    for node in nodes:
        yield from _texts(node)
