"""Patterns that let a line break through at their end, and those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.house.__main__ import ROOT
from tools.house.anchors import check_anchors
from tools.house.source import read_sources

from unit.house.samples import source


@pytest.mark.parametrize(
    "code",
    [
        'NAME = re.compile(r"^[a-z]+$")',
        'NAME = re.compile(r"[a-z]+$", re.ASCII)',
        're.match("a$|b", name)',
        're.search(rf"^{prefix}-[0-9]+$", name)',
        're.sub(r"/x(/.*$)", "", path)',
        'FORMS = {"int": (r"^(?:0|[1-9])$", int)}',
        'Param(type="string", pattern="^[a-z]$")',
        'WORD = re.compile(r"[$]\\\\$$")',
    ],
)
def test_an_anchor_that_passes_a_line_break_is_found(code: str) -> None:
    result = check_anchors([source(code)])

    assert result.figure == "anchors that pass a line break 1"
    assert result.broken[0].startswith("plugins/windlass/domain/sample.py:1: `")


@pytest.mark.parametrize(
    "code",
    [
        'NAME = re.compile(r"[a-z]+")',
        'NAME = re.compile(r"^[a-z]+\\Z")',
        'LINE = re.compile(r"^a$", re.MULTILINE)',
        're.search(r"^a$", text, flags=re.MULTILINE | re.ASCII)',
        'name: str = Field(pattern=r"^[a-z]+$")',
        'Param(type="string", pattern=r"^(?:[a-z])(?!\\n)$")',
        're.compile(r"\\$[$^]")',
        "SHELL = \"grep -v ':$'\"",
        '"^a$"',
    ],
)
def test_what_ends_at_the_end_is_fine(code: str) -> None:
    assert check_anchors([source(code)]).broken == []


def test_none_is_left() -> None:
    folders = ("plugins", "lab", "dags", "tools")
    assert Path(ROOT, "plugins").is_dir()
    assert check_anchors(read_sources(ROOT, *folders)).broken == []
