"""In which form a command prints what it found: a table for people, JSON or YAML for programs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from windlass.domain.oneline import printable

TABLE, JSON, YAML = FORMS = ("table", "json", "yaml")
_GAP = "  "


def add_output_option(parser: argparse.ArgumentParser, default: str = TABLE) -> None:
    """Let people choose the form by `-o`; `--json` is the older word for one of them."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("-o", "--output", choices=FORMS, default=default, help="in which form (default: %(default)s)")
    forms.add_argument("--json", action="store_const", const=JSON, dest="output", help="the same as `-o json`")


def is_for_programs(arguments: argparse.Namespace) -> bool:
    """Tell whether a document is to be printed, rather than text for people."""
    return bool(arguments.output != TABLE)


def show_document(document: Any, form: str, lines: Callable[[], Sequence[str]]) -> None:
    """Print a document in the form that was asked for; `lines` are how people read it."""
    if form == TABLE:
        print("\n".join(printable(line) for line in lines()))
    else:
        print(as_document(document, form))


def show_json(form: str) -> Callable[[str], None]:
    """Return what prints a text that is JSON in another form; text that is none it prints as it is."""
    return print if form != YAML else lambda text: print(_converted(text))


def as_document(document: Any, form: str) -> str:
    """Return a document as JSON or as YAML."""
    if form == JSON:
        return json.dumps(document, indent=2)
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False)).rstrip("\n")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows below a head, in columns as wide as what is in them."""
    shown = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(head))]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]


def lines_of(document: Any) -> list[str]:
    """Return what a run came to as lines: one for each entry of a list, or for each key with what it has."""
    if isinstance(document, Mapping):
        return [f"{key}: {_short(value)}" for key, value in document.items()]
    return [_short(one) for one in document] if isinstance(document, list) else [_short(document)]


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_short(one) for one in value) or "none"
    return value if isinstance(value, str) else json.dumps(value)


def _converted(text: str) -> str:
    try:
        return as_document(json.loads(text), YAML)
    except ValueError:
        return text
