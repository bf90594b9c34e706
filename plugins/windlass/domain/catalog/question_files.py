"""Questions as the files of stacks and drivers have them, in Windlass's words or in those of Rancher 1.x's catalog."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, model_validator

from windlass.domain.catalog.parsing import CatalogSection
from windlass.domain.catalog.questions import AnswerKind, Question
from windlass.errors import SpecError

_EMPTY: Mapping[str, Any] = MappingProxyType({"string": "", "multiline": "", "password": "", "list": []})
"""Of which answers that need not be given have which default."""
_PATTERN = "write what an answer is as `pattern`, a regular expression"
_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "group": "questions are shown in their order, without groups",
        "min_length": _PATTERN,
        "max_length": _PATTERN,
        "valid_chars": _PATTERN,
        "invalid_chars": _PATTERN,
    }
)
_REFUSED_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "service": "stacks know of each other by addresses; ask for one as a string",
        "certificate": "a certificate is a text; ask for a multiline, and for its key as a password",
        "date": "ask for a string with a pattern",
        "float": "ask for a string with a pattern",
    }
)
"""Keys and types of Rancher's questions that say nothing here, and why."""


class QuestionSection(CatalogSection):
    """A question as a file of the catalog has it."""

    variable: str = Field(pattern=r"^[a-z][a-zA-Z0-9]*$")
    label: str
    description: str = ""
    type: Literal[AnswerKind, "int", "enum"] = "string"
    required: bool | None = None
    default: str | int | bool | list[str] | None = None
    options: list[str] = Field(default_factory=list)
    pattern: str | None = None
    min: int | None = None
    max: int | None = None
    example: str | int | list[str] | None = None
    setting: str = ""
    when: dict[str, str | int | bool] = Field(default_factory=dict)
    fixed: str = ""

    @model_validator(mode="before")
    @classmethod
    def _in_our_words(cls, value: Any) -> Any:
        """Say why keys and types of Rancher's are not taken, and read defaults that it writes as texts."""
        if not isinstance(value, Mapping):
            return value
        for key in value:
            if why := _REFUSED.get(key):
                raise ValueError(f"`{key}` says nothing here: {why}")
        kind, default = value.get("type"), value.get("default")
        if isinstance(kind, str) and (why := _REFUSED_TYPES.get(kind)):
            raise ValueError(f"the type `{kind}` is none here: {why}")
        if kind == "int" and isinstance(default, str) and default.lstrip("-").isdecimal():
            return {**value, "default": int(default)}
        if kind == "boolean" and default in ("true", "false"):
            return {**value, "default": default == "true"}
        return value

    def read(self, file: str) -> Question:
        """Return the question; SpecError if its own default, or its example, is no answer to it."""
        kind: AnswerKind = "integer" if self.type == "int" else "choice" if self.type == "enum" else self.type
        default = _EMPTY.get(kind) if self.default is None and self.required is False else self.default
        question = Question(
            self.variable, self.label, kind, default, tuple(self.options), self.pattern, self.min, self.max,
            self.example, self.setting, self.when, self.fixed, bool(self.required), self.description,
        )  # fmt: skip
        if kind == "password" and (self.default is not None or self.example is not None):
            raise SpecError(f"{file}: questions: `{self.variable}` is a password, which has no default and no example")
        for what, answer in (("default", self.default), ("example", self.example)):
            if answer is not None and (wrong := question.problem(answer)):
                raise SpecError(f"{file}: questions: the {what} of `{self.variable}`: {wrong[0]}; {wrong[1]}")
        return question
