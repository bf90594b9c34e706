"""Stacks of the catalog that a spec may pick: what each asks, with what defaults, and what its answers may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from windlass.domain.masking import is_secret_name
from windlass.domain.oneline import line_breaker
from windlass.errors import SpecError

AnswerKind = Literal["string", "integer", "boolean", "choice"]
RELEASE_VERSION = "release"
"""Stands for the version of an image that the Kubernetes release has."""
_PYTHON_TYPES: Mapping[AnswerKind, str] = {"string": "str", "integer": "int", "boolean": "bool", "choice": "str"}


@dataclass(frozen=True)
class StackQuestion:
    """One value that a stack is rendered with."""

    variable: str
    label: str
    kind: AnswerKind
    default: Any = None
    """None: the spec must answer."""
    options: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None

    def problem(self, answer: Any) -> tuple[str, str] | None:
        """Return what is wrong with an answer, which is not quoted, and what would be right; None if it is good."""
        # bool is an int to Python, but none to whoever answers.
        if type(answer).__name__ != _PYTHON_TYPES[self.kind]:
            return f"the answer is no {self.kind}", f"it is the answer to: {self.label}"
        if self.kind == "choice" and answer not in self.options:
            return "the answer is none of the choices", f"choose one of {', '.join(self.options)}"
        if isinstance(answer, str) and (found := line_breaker(answer)):
            return f"the answer has {found} in it", "write it on one line; templates put it into files as it is"
        if isinstance(answer, str) and self.pattern is not None and not re.fullmatch(self.pattern, answer):
            return f"the answer is not of the form {self.pattern}", f"it is the answer to: {self.label}"
        if isinstance(answer, int) and self.kind == "integer" and not self._is_within(answer):
            return (
                f"{'the answer' if is_secret_name(self.variable) else answer} is out of range",
                f"give {self.minimum} to {self.maximum}",
            )
        return None

    def _is_within(self, number: int) -> bool:
        above = self.minimum is None or number >= self.minimum
        return above and (self.maximum is None or number <= self.maximum)


@dataclass(frozen=True)
class StackTemplate:
    """One stack of the catalog."""

    name: str
    description: str
    questions: tuple[StackQuestion, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    """Version of each image that it runs; `release` for the one of the Kubernetes release."""
    templates: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Text of each of its templates by file name."""

    def answers(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return every answer: the spec's `values`, and the defaults of what they leave out.

        SpecError if one is no single line: a stored spec was not asked, and templates write answers as they are.
        """
        answers = {one.variable: values.get(one.variable, one.default) for one in self.questions}
        for variable, answer in answers.items():
            if isinstance(answer, str) and (found := line_breaker(answer)):
                raise SpecError(f"stack {self.name}: its value `{variable}` has {found} in it; write it on one line")
        return answers

    def problems(self, values: Mapping[str, Any]) -> Iterator[tuple[str | None, str, str]]:
        """Yield what is wrong with the spec's values: the variable (None if it is missing), the problem, the advice."""
        known = {one.variable: one for one in self.questions}
        for variable, answer in values.items():
            if variable not in known:
                yield variable, f"the stack asks no `{variable}`", f"it asks: {', '.join(known) or 'nothing'}"
            elif found := known[variable].problem(answer):
                yield variable, *found
        for question in self.questions:
            if question.default is None and question.variable not in values:
                yield None, f"`{question.variable}` is missing", f"it is the answer to: {question.label}"
