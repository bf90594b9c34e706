"""The repository's documentation, as tests read it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Place:
    """A file, and the names that are said to be in it."""

    path: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return self.path


def sections(page: Path) -> dict[str, str]:
    """Return the text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(section: str) -> list[list[str]]:
    """Return the cells of each row of the one table in a section, without its head."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def code(cell: str) -> tuple[str, ...]:
    """Return what stands in backticks in a cell."""
    return tuple(_CODE.findall(cell))


def place(cell: str) -> Place:
    """Read a path with the names behind it."""
    path, *names = code(cell)
    return Place(path, tuple(names))


def defined_in(path: Path) -> set[str]:
    """Return what a module defines, imports or names, and the words that it uses as keys."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Name(ctx=ast.Store()):
                names.add(node.id)
            case ast.alias():
                names.add(node.asname or node.name)
            case ast.Constant(value=str()):
                names.add(str(node.value))
            case ast.Attribute():
                names.add(node.attr)
            case ast.arg():
                names.add(node.arg)
    return names


def has(where: Place, name: str) -> bool:
    """Tell whether a name is in a file: in Python as a name of it, elsewhere as text."""
    path = ROOT / where.path
    return name in (defined_in(path) if path.suffix == ".py" else path.read_text(encoding="utf-8"))
