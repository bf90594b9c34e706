"""What a stack or a driver of the catalog asks: of which type each answer is, its default, and what it may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from windlass.domain.masking import is_secret_name
from windlass.domain.oneline import line_breaker
from windlass.errors import SpecError

AnswerKind = Literal["string", "multiline", "password", "integer", "boolean", "choice", "list"]
_PYTHON_TYPES: Mapping[AnswerKind, str] = {
    "string": "str",
    "multiline": "str",
    "password": "str",
    "integer": "int",
    "boolean": "bool",
    "choice": "str",
    "list": "list",
}


@dataclass(frozen=True)
class Question:
    """One value that templates are rendered with."""

    variable: str
    label: str
    kind: AnswerKind
    default: Any = None
    """None: the spec must answer."""
    options: tuple[str, ...] = ()
    pattern: str | None = None
    """Of a list: what each of its texts is."""
    minimum: int | None = None
    """Of a list: how many texts it has at least."""
    maximum: int | None = None
    example: Any = None
    """What the catalog is rendered with to try it, where there is no default."""
    setting: str = ""
    """The key of the spec's section of a driver that answers too; empty: `values` alone does."""
    when: Mapping[str, Any] = field(default_factory=dict)
    """Other answers with which it is asked; empty: always."""
    fixed: str = field(default="", repr=False)
    """Why a running cluster keeps its answer; empty: a rollout brings another one about."""
    is_required: bool = False
    """Whether an empty text is no answer."""
    description: str = ""

    @property
    def may_refer(self) -> bool:
        """Whether a reference to a secret may stand in the place of an answer."""
        return self.kind in {"string", "multiline", "password"}

    @property
    def lines(self) -> str:
        """The characters besides those of one line that an answer may have."""
        return "\n" if self.kind == "multiline" else ""

    def problem(self, answer: Any) -> tuple[str, str] | None:
        """Return what is wrong with an answer, which is not quoted, and what would be right; None if it is good."""
        # bool is an int to Python, but none to whoever answers.
        if type(answer).__name__ != _PYTHON_TYPES[self.kind]:
            return f"the answer is no {self.kind}", f"it is the answer to: {self.label}"
        if self.kind == "list":
            return self._list_problem(answer)
        if isinstance(answer, str):
            return self._text_problem(answer)
        if self.kind == "integer" and not self._is_within(answer):
            return (
                f"{'the answer' if is_secret_name(self.variable) else answer} is out of range",
                f"give {self.minimum} to {self.maximum}",
            )
        return None

    def is_asked(self, answers: Mapping[str, Any]) -> bool:
        """Tell whether it is asked where the others are answered so."""
        return all(answers.get(variable) == value for variable, value in self.when.items())

    def _text_problem(self, answer: str) -> tuple[str, str] | None:
        if self.kind == "password":
            return (
                "a password stands in clear",
                "refer to it: {fromVariable: windlass_secret_NAME}, see docs/secrets.md",
            )
        if self.kind == "choice" and answer not in self.options:
            return "the answer is none of the choices", f"choose one of {', '.join(self.options)}"
        if self.is_required and not answer:
            return "the answer is empty", f"it is the answer to: {self.label}"
        if found := line_breaker(answer, self.lines):
            return f"the answer has {found} in it", "write it on one line; templates put it into files as it is"
        if self.pattern is not None and not re.fullmatch(self.pattern, answer):
            return f"the answer is not of the form {self.pattern}", f"it is the answer to: {self.label}"
        return None

    def _list_problem(self, answer: Sequence[Any]) -> tuple[str, str] | None:
        if any(not isinstance(one, str) for one in answer):
            return "the answer is no list of texts", f"write each in quotes; it is the answer to: {self.label}"
        if not self._is_within(len(answer)):
            return (
                f"the answer has {len(answer)} entries",
                f"give {self.minimum or 0} to {self.maximum or 'any number'}",
            )
        return next((found for one in answer if (found := self._text_problem(one))), None)

    def _is_within(self, number: int) -> bool:
        above = self.minimum is None or number >= self.minimum
        return above and (self.maximum is None or number <= self.maximum)


def answers_to(what: str, questions: Sequence[Question], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return every answer: the spec's `values`, and the defaults of what they leave out.

    SpecError if one is no single line: a stored spec was not asked, and templates write answers as they are.
    """
    answers = {one.variable: values.get(one.variable, one.default) for one in questions}
    for question in questions:
        answer = answers[question.variable]
        for text in answer if isinstance(answer, list | tuple) else (answer,):
            if isinstance(text, str) and (found := line_breaker(text, question.lines)):
                raise SpecError(f"{what}: its value `{question.variable}` has {found} in it; write it on one line")
    return answers


@dataclass(frozen=True)
class AnswerProblem:
    """What is wrong with the answer to a question, and what would be right."""

    variable: str
    wrong: str
    right: str
    is_missing: bool = False
    """Whether there is no answer, where one must be given."""


def answer_problems(what: str, questions: Sequence[Question], values: Mapping[str, Any]) -> Iterator[AnswerProblem]:
    """Yield what is wrong with the spec's values."""
    known = {one.variable: one for one in questions}
    answers = {one.variable: values.get(one.variable, one.default) for one in questions}
    for variable, answer in values.items():
        if variable not in known:
            advice = f"it asks: {', '.join(known) or 'nothing'}"
            yield AnswerProblem(variable, f"the {what} asks no `{variable}`", advice)
        elif not known[variable].is_asked(answers):
            told = ", ".join(f"{one} {value}" for one, value in known[variable].when.items())
            yield AnswerProblem(variable, f"the {what} asks no `{variable}` here", f"it does with {told}")
        elif found := known[variable].problem(answer):
            yield AnswerProblem(variable, *found)
    for question in questions:
        if question.default is None and question.variable not in values and question.is_asked(answers):
            advice = f"it is the answer to: {question.label}"
            yield AnswerProblem(question.variable, f"`{question.variable}` is missing", advice, is_missing=True)
