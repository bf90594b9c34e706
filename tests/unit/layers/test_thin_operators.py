"""Operators read params, call one operation, and map its end to Airflow's; they decide nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

AIRFLOW = Path(__file__).parents[3] / "plugins" / "windlass" / "airflow"
OPERATORS = sorted((AIRFLOW / "operators").glob("*.py"))
LONGEST = 20
"""Lines of a function's body, its docstring aside."""


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef))


def body_lines(function: ast.FunctionDef) -> int:
    first = function.body[1:2] if ast.get_docstring(function) else function.body[:1]
    return (function.end_lineno or 0) - first[0].lineno + 1 if first else 0


@pytest.mark.parametrize("path", OPERATORS, ids=lambda path: path.name)
def test_no_function_of_an_operator_is_long(path: Path) -> None:
    assert {one.name: body_lines(one) for one in functions(path) if body_lines(one) > LONGEST} == {}


@pytest.mark.parametrize("path", OPERATORS, ids=lambda path: path.name)
def test_an_operator_applies_no_rule_of_the_domain_itself(path: Path) -> None:
    imported = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom)]
    of_domain = [
        name.name for node in imported if (node.module or "").startswith("windlass.domain") for name in node.names
    ]
    assert [name for name in of_domain if name[0].islower()] == []


@pytest.mark.parametrize("path", OPERATORS, ids=lambda path: path.name)
def test_others_find_operators_in_their_modules_and_no_functions(path: Path) -> None:
    public = [
        one.name for one in parsed(path).body if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")
    ]
    assert public == []


def test_who_started_a_run_is_read_in_one_place() -> None:
    assert [path.name for path in sorted(AIRFLOW.rglob("*.py")) if ".run_type" in path.read_text()] == [
        "run_context.py"
    ]
