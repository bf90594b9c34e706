r"""No pattern ends with `$`: for Python's `re` that is also the place before a last line break.

A name such as "demo\n" passes it, and is a second line in whatever it is written into. Whole values are judged by
`fullmatch`, or end with `\Z`. Left alone are patterns that search a text line by line (`re.MULTILINE`), those of
pydantic's `Field`, whose engine knows `$` as the end alone, and `(?!\n)$`, which is the end alone in every engine.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from tools.house.source import Result, Source

_FUNCTIONS = frozenset({"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"})
_STEP = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?!\\n\)\$|(?P<early>\$)|.", re.DOTALL)
"""One step of a pattern: an escape, a set, an anchor that ends too early, any other character."""
_LINES = frozenset({"MULTILINE", "M"})


def check_anchors(sources: Sequence[Source]) -> Result:
    """Find patterns with an anchor that lets a line break through."""
    broken = [line for source in sources for line in _anchors_in(source)]
    return Result(f"anchors that pass a line break {len(broken)}", broken)


def _anchors_in(source: Source) -> Iterator[str]:
    given = {id(node) for node in _given_to_re(source.tree)}
    left = {id(node) for node in _left_alone(source.tree)}
    for node, text in source.texts():
        is_pattern = (id(node) in given or text.startswith("^")) and id(node) not in left
        if is_pattern and any(step["early"] for step in _STEP.finditer(text)):
            yield f"{source.at(node)}: `{text}` lets a line break through at `$`; use fullmatch, or end it with `\\Z`"


def _given_to_re(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield what is handed to `re` as a pattern."""
    yield from (call.args[0] for call in _calls(tree) if _is_re(call) and call.args)


def _left_alone(tree: ast.Module) -> Iterator[ast.expr]:
    for call in _calls(tree):
        if _is_re(call) and _searches_lines(call):
            yield from call.args[:1]
        if isinstance(call.func, ast.Name) and call.func.id == "Field":
            yield from (keyword.value for keyword in call.keywords if keyword.arg == "pattern")


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _is_re(call: ast.Call) -> bool:
    function = call.func
    is_of_re = (
        isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "re"
    )
    return is_of_re and isinstance(function, ast.Attribute) and function.attr in _FUNCTIONS


def _searches_lines(call: ast.Call) -> bool:
    flags = [*call.args[1:], *(keyword.value for keyword in call.keywords)]
    named = {node.attr for flag in flags for node in ast.walk(flag) if isinstance(node, ast.Attribute)}
    return bool(named & _LINES)
