"""Fields of forms, made of what asks: a question of the catalog, or a param of a DAG."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from windlass.domain.catalog import Question

FieldKind = Literal["text", "number", "choice", "switch", "names", "checks", "lines"]


@dataclass(frozen=True)
class Option:
    """One of the values that may be chosen."""

    value: str
    label: str


@dataclass(frozen=True)
class Field:
    """One field of a form, as templates show it."""

    name: str
    label: str
    kind: FieldKind
    help: str = ""
    options: tuple[Option, ...] = ()
    value: str = ""
    hint: str = ""
    """What stands in an empty field."""
    is_required: bool = False
    is_rare: bool = False
    """Whether it stands among what few need."""
    pattern: str = ""
    minimum: int | None = None
    maximum: int | None = None


def options_of(values: Iterable[str]) -> tuple[Option, ...]:
    """Return values that are called what they are."""
    return tuple(Option(one, one) for one in values)


def question_field(question: Question) -> Field:
    """Return the field of a question; left empty it is not answered, and has its default."""
    default = _words(question.default)
    usual = f"default: {default}" if default else "must be answered" if question.default is None else "default: none"
    if question.setting == "proxyMode":  # which a new cluster has otherwise than one that runs, see `spec.settled`
        usual = "as a new cluster has it"
    if question.kind == "password":
        usual = "must be answered: a Variable of Airflow's, windlass_secret_NAME"
    kinds: Mapping[str, FieldKind] = {
        "integer": "number", "list": "names", "boolean": "choice", "choice": "choice", "multiline": "lines"
    }  # fmt: skip
    chosen = (Option("true", "yes"), Option("false", "no")) if question.kind == "boolean" else ()
    listed = chosen or options_of(question.options)
    is_whole = question.kind == "integer"
    return Field(
        name=question.variable,
        label=question.label,
        kind=kinds.get(question.kind, "text"),
        help=" ".join(filter(None, (question.description.strip(), _condition(question)))),
        options=(Option("", usual), *listed) if listed else (),
        hint=usual if question.example is None else f"{usual}, such as {_words(question.example)}",
        pattern=question.pattern or "" if question.kind == "string" else "",
        minimum=question.minimum if is_whole else None,
        maximum=question.maximum if is_whole else None,
    )


def _condition(question: Question) -> str:
    return "Asked with " + ", ".join(f"{one} {value}" for one, value in question.when.items()) if question.when else ""


def param_field(name: str, schema: Mapping[str, Any], default: Any) -> Field:
    """Return the field of a DAG's param, as its JSON Schema has it."""
    types = schema.get("type", "string")
    listed = [types] if isinstance(types, str) else list(types)
    return Field(
        name=name,
        label=str(schema.get("title") or name),
        kind=_kind(listed, schema),
        help=str(schema.get("description_md") or schema.get("description") or ""),
        options=options_of(map(str, schema.get("enum", ()))),
        value=_words(default),
        is_required="null" not in listed,
        is_rare="section" in schema,
        pattern=_browser_pattern(str(schema.get("pattern") or "")),
    )


def _kind(types: list[str], schema: Mapping[str, Any]) -> FieldKind:
    if "boolean" in types:
        return "switch"
    if "array" in types:
        return "names"
    if schema.get("enum"):
        return "choice"
    return "lines" if schema.get("format") == "multiline" else "text"


def _words(value: Any) -> str:
    """Return a value as a form holds it."""
    if value is None or value == []:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


def _browser_pattern(pattern: str) -> str:
    """Return a pattern as the attribute of a field has it, which is about the whole value by itself."""
    return pattern.removeprefix("^").removesuffix("$").removesuffix(r"(?!\n)")
