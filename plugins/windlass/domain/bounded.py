"""Lines of others within bounds: so many of them, each so long, and all of it printable."""

from __future__ import annotations

from collections.abc import Iterable

from windlass.domain.markdown import first_of, shortened

LINES, WIDTH = 40, 200
"""How many lines are shown of one difference, and how many characters of each."""


def bounded_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """Return lines as they are shown; what is left out is counted."""
    cut = [line if len(line) <= WIDTH else line[:1] + shortened(line[1:], WIDTH) for line in lines]
    return tuple(first_of([_printable(line) for line in cut], LINES, "lines"))


def _printable(line: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in line.replace("\t", "    "))
