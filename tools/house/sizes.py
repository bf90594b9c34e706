"""Functions and modules stay small."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator, Sequence

from tools.house.source import Result, Source

MEDIAN, NINE_IN_TEN, LONGEST = 8, 20, 50
"""Lines that the middle function may have, nine functions of ten, and any."""
LONGEST_MODULE = 300


def check_functions(sources: Sequence[Source]) -> Result:
    """Measure functions, from `def` to the last line, docstring included."""
    found = [(length, place) for source in sources for length, place in _functions(source)]
    lengths = sorted(length for length, _ in found)
    median, nine_in_ten = statistics.median(lengths), lengths[(len(lengths) * 9 - 1) // 10]
    broken = [f"{place} has {length} lines, over {LONGEST}" for length, place in found if length > LONGEST]
    if median > MEDIAN:
        broken.append(f"functions: the median is {median:g} lines, over {MEDIAN}")
    if nine_in_ten > NINE_IN_TEN:
        broken.append(f"functions: the 90th percentile is {nine_in_ten} lines, over {NINE_IN_TEN}")
    return Result(f"functions median {median:g}, p90 {nine_in_ten}, longest {lengths[-1]} lines", broken)


def check_modules(sources: Sequence[Source]) -> Result:
    """Measure modules."""
    found = [(len(source.code.splitlines()), source.path) for source in sources]
    broken = [f"{path}: {length} lines, over {LONGEST_MODULE}" for length, path in found if length > LONGEST_MODULE]
    return Result(f"longest module {max(found)[0]} lines", broken)


def _functions(source: Source) -> Iterator[tuple[int, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1, f"{source.at(node)}: {node.name}"
