"""The parser in C reads a spec as PyYAML's own does; what both refuse is told in the words of the latter."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given

from unit.hostile.mutations import BUDGET, mutated_text
from windlass.domain.spec import document

SPECS = [path.read_text() for path in sorted((Path(__file__).parents[3] / "include/clusters").glob("*.yaml"))]


def read_slowly(text: str) -> document.Document:
    with patch.object(document, "_MOST_QUICK", 0):
        return document.read_document(text)


@given(text=mutated_text([*SPECS, "a: {b: [1, 0x1, 01, 1.5, ~, yes]}\n? [x]\n: !!int '3'\n"]))
@example("a: \ud800")
@example("a: \x00")
@example("a: b\n--- \nc: d")
@example("%YAML 1.2\n---\na: b")
@example("a:\tb")
@example("\ufeffa: b\u2028c: d\x85e: f")
@BUDGET
def test_a_text_is_read_alike(text: str) -> None:
    """The one in C takes a little more of YAML, such as a tab behind a colon."""
    slowly, quickly = read_slowly(text), document.read_document(text)
    assert quickly == slowly or (slowly.value is None and "no YAML" in slowly.problems[0].wrong)


@pytest.mark.parametrize("levels", [38, 39, 40, 41, 1500, 30_000])
@pytest.mark.parametrize(
    "nested", [lambda n: "[" * n + "]" * n, lambda n: "{a: " * n + "1" + "}" * n, lambda n: "- " * n + "x"]
)
def test_what_is_too_deep_is_told_alike(nested: object, levels: int) -> None:
    text = nested(levels)  # type: ignore[operator]
    assert document.read_document(text) == read_slowly(text)
