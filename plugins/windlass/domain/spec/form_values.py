"""Places in a spec's plain values, and answers as a form gives them: texts, of which an empty one is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from windlass.domain.catalog import Question

Fields = dict[str, Any]
Place = tuple[str, ...]
"""Keys from the top of a spec down to one value."""
_SWITCH = {"true": True, "false": False}


def within(value: Any, place: Place) -> Any:
    """Return what stands at a place; None if nothing does."""
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def put(spec: Fields, place: Place, value: Any) -> None:
    """Write a value to a place; None takes away what stands there, with mappings that become empty by it."""
    head, *rest = place
    if not rest:
        if value is None:
            spec.pop(head, None)
        else:
            spec[head] = value
        return
    inner = spec.get(head)
    if not isinstance(inner, dict):
        if value is None:
            return
        inner = spec[head] = {}
    put(inner, tuple(rest), value)
    if not inner and value is None:
        del spec[head]


def read_answers(values: Any) -> Fields:
    """Return answers as a form shows them."""
    return {str(key): shown(value) for key, value in values.items()} if isinstance(values, dict) else {}


def shown(value: Any) -> Any:
    """Return one answer as a form shows it: a text; what is none, such as a reference to a secret, as it is."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return str(value) if isinstance(value, int | float) else value


def given_answers(questions: Sequence[Question], given: Mapping[str, Any]) -> Fields:
    """Return the answers that somebody gave, each of the type of its question; what is none stays a text."""
    kinds = {one.variable: one for one in questions}
    return {name: typed(kinds.get(name), answer) for name, answer in given.items() if answer not in ("", None)}


def typed(question: Question | None, answer: Any) -> Any:
    """Return an answer in the type of its question."""
    if question is None or not isinstance(answer, str):
        return answer
    if question.kind == "password":  # which stands in no spec
        return {"fromVariable": answer.strip()}
    if question.kind == "boolean":
        return _SWITCH.get(answer, answer)
    if question.kind == "integer":
        return int(answer) if re.fullmatch(r"-?[0-9]{1,18}", answer.strip()) else answer
    if question.kind == "list":
        return [one.strip() for one in re.split(r"[,\n]", answer) if one.strip()]
    return answer
