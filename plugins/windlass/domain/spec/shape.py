"""What pydantic finds wrong with a document's shape, said in words for the person who wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from windlass.domain.masking import is_secret_name, mask_text
from windlass.domain.spec.private import is_private
from windlass.domain.spec.problem import Path, Problem, nearest, path_text, suggestion
from windlass.domain.spec.schema import known_keys, places_of, schema_at

_LONGEST = 60
_NO_TEXTS = "is neither text nor a list of texts"
_TYPES = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def shape_problems(error: ValidationError, value: Any) -> list[Problem]:
    """Return one problem for each place of `value` where the error says the shape is wrong."""
    found: dict[Path, Problem] = {}
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        path = _path_in(value, detail["loc"], detail["type"])
        found.setdefault(path, _problem(path, detail["type"], detail.get("ctx", {}), value))
    # A list is "too short", or none, as soon as one of its items is wrong: only the item is worth saying.
    noise = {
        path
        for path, problem in found.items()
        if (problem.wrong == "it is empty" or problem.wrong.endswith(_NO_TEXTS))
        and _at(value, path)
        and any(other[: len(path)] == path for other in found if other != path)
    }
    return [problem for path, problem in found.items() if path not in noise]


def _path_in(value: Any, location: tuple[int | str, ...], kind: str) -> Path:
    """Keep of pydantic's location what is a path of the document; a last key that is missing counts.

    A text may also be the name of one of several types that a value may have, which is no step.
    """
    path: Path = ()
    for step in location:
        if isinstance(value, Mapping) and isinstance(step, str):
            if step not in value:
                return (*path, step) if kind == "missing" else path
            path, value = (*path, step), value[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            path, value = (*path, step), value[step]
        elif isinstance(step, int):
            return path
    return path


def _problem(path: Path, kind: str, context: Mapping[str, Any], document: Any) -> Problem:
    if kind == "missing":
        return Problem(path, "it is missing", _meaning(path) or "add it")
    if kind == "extra_forbidden":
        return Problem(path, f"unknown key `{path[-1]}`", _where_to(str(path[-1]), path[:-1]))
    return Problem(path, *_wrong_value(path, kind, context, _at(document, path)))


def _wrong_value(path: Path, kind: str, context: Mapping[str, Any], value: Any) -> tuple[str, str]:
    """Say what is wrong with the value of a known key, and what would be right."""
    node = schema_at(path) or {}
    shows = not is_private(path) and not any(is_secret_name(step) for step in path if isinstance(step, str))
    given, wrong, right = _given(value, shows=shows), "does not fit", _meaning(path) or "see docs/spec.md"
    if any(choice.get("type") == "array" for choice in node.get("anyOf", ())):
        wrong, right = _NO_TEXTS, _type_advice("string_type", value, shows=shows) or right
    elif "anyOf" in node:
        wrong, right = "is neither a number nor a percentage", "write a number such as 1, or a percentage such as 20%"
    elif kind == "literal_error":
        choices = node.get("enum", [node.get("const", context.get("expected", ""))])
        wrong, right = "is not known here", _choice(given.strip("`"), choices)
    elif kind in _BOUNDS:
        wrong, right = "is out of range", f"give {_BOUNDS[kind][1]} {context[_BOUNDS[kind][0]]}"
    elif kind in {"too_short", "string_too_short"}:
        given, wrong = "it", "is empty" if not value or isinstance(value, list) else "is too short"
    elif kind in {"too_long", "string_too_long"}:
        wrong = "is too long"
    elif kind in _TYPES:
        wrong, right = f"is not {_TYPES[kind]}", _type_advice(kind, value, shows=shows) or right
    return f"{given} {wrong}", right


def _meaning(path: Path) -> str:
    """Return what the schema says of a key, without the default, to be put behind a semicolon."""
    text = str((schema_at(path) or {}).get("description", "")).split(" Default: ")[0].rstrip(".")
    return f"expected is: {text}" if text else ""


def _choice(given: str, choices: list[str]) -> str:
    """Say which of a few values may stand, and which one was most likely meant."""
    if len(choices) == 1:
        return f"write `{choices[0]}`"
    meant = nearest(given, choices)
    listed = f"it is one of {', '.join(choices)}"
    return f"did you mean `{meant}`? {listed}" if meant is not None else listed


def _where_to(key: str, around: Path) -> str:
    known = known_keys(around)
    elsewhere = [place for place in places_of(key) if place[:-1] != around]
    if nearest(key, known) is None and elsewhere:
        shown = " or ".join(f"`{path_text(place)}`" for place in elsewhere)
        return f"what is known is {shown}"
    return suggestion(key, known)


def _type_advice(kind: str, value: Any, *, shows: bool) -> str | None:
    if kind == "string_type" and isinstance(value, list):
        return "give at least one value" if not value else "write each value in quotes"
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f"write it in quotes: {json.dumps(json.dumps(value))}" if shows else "write it in quotes"
    if kind == "bool_type":
        return "write true or false, without quotes"
    if kind in {"int_type", "float_type"} and isinstance(value, str):
        return "write a number without quotes"
    if value is None:
        return "give a value, or leave the key out"
    return None


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(value, Mapping) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _given(value: Any, *, shows: bool) -> str:
    """Show a value as far as it may be: where secrets may stand, and of what looks like one, only what kind it is."""
    if not shows and not isinstance(value, Mapping | list):
        return "the value"
    return "the text" if isinstance(value, str) and mask_text(value) != value else _shown(value)


def _shown(value: Any) -> str:
    """Show a short scalar as it is; of anything else only what kind it is."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f"`{value}`" if len(value) <= _LONGEST and "\n" not in value else "the text"
    return f"`{json.dumps(value)}`"
