"""Texts of others as Markdown that people read in Airflow: escaped, of bounded length, each in its own place.

Airflow 3.3 renders the body of an approval with react-markdown and remark-gfm, and drops raw HTML (`skipHtml`):
headings, nested lists and tables show as they should. A fenced block without a language does not: it becomes inline
code, which keeps no line breaks.
Source: https://github.com/apache/airflow/blob/main/airflow-core/src/airflow/ui/src/components/ReactMarkdown.tsx

Jinja renders a body once, so that braces in a text that comes by XCom stay braces. Neither XCom nor the column of the
body (text, without a limit) cuts it; only the tab "Rendered Templates" does, at `[core] max_templated_field_length`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"[\\`*_\[\]<>~|&#]")
_OPENING = re.compile(r"^(\d{0,9})(?=[-+.)])")
"""What would begin a list, and the digits before it; what else begins a block is special anywhere."""
_CODE = re.compile(r"(?<!`)`(?=\S)([^`]+)(?<=\S)`(?!`)")


def escape(text: str) -> str:
    """Return `text` as Markdown of one line that shows its words as they are; what stands in backticks stays code.

    What cannot be printed (control characters, marks that turn the direction of writing) is shown as `�`, and no text
    at all as `(empty)`, since an item without words would make a heading of the one above it. An address of the web
    becomes a link to just that: remark-gfm looks for them once escapes are gone.
    """
    shown = "".join(one if one.isprintable() else "\ufffd" for one in " ".join(text.split())) or "(empty)"
    parts = _CODE.split(shown)  # turn by turn what stands outside of backticks and within
    marked = (f"`{part}`" if number % 2 else _SPECIAL.sub(r"\\\g<0>", part) for number, part in enumerate(parts))
    return _OPENING.sub(r"\1\\", "".join(marked))


def shortened(text: str, limit: int) -> str:
    """Return `text`, or so much of it as fits into `limit` characters, and how many are left out."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit].rstrip()} … ({len(text) - limit} more characters)"


def first_of(items: Sequence[str], limit: int, what: str) -> list[str]:
    """Return `items`, or the first of them and a last one that says how many of `what` are left out."""
    if len(items) <= limit:
        return list(items)
    return [*items[: limit - 1], f"and {len(items) - limit + 1} more {what}"]


def item(text: str, below: Iterable[str] = ()) -> str:
    """Return an item of a section with `below` as the list within it; all of them are Markdown of one line."""
    return "\n".join([text, *(f"  - {one}" for one in below)])


def code_block(lines: Iterable[str], language: str) -> str:
    """Return lines as a block of code, which no line of it can end."""
    shown = ["".join(one if one.isprintable() else "\ufffd" for one in line) for line in lines]
    longest = max((len(run[0]) for line in shown for run in re.finditer("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *shown, fence])


def section(heading: str, items: Iterable[str]) -> str:
    """Return a heading with the list of `items` below it; empty if there is nothing to list."""
    listed = "\n".join(f"- {one}" for one in items)
    return f"### {heading}\n\n{listed}" if listed else ""
