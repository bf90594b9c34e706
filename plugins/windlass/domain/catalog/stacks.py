"""Stacks of the catalog that a spec may pick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.catalog.questions import AnswerProblem, Question, answer_problems, answers_to

RELEASE_VERSION = "release"
"""Stands for the version of an image or file that the Kubernetes release has."""


@dataclass(frozen=True)
class StackTemplate:
    """One stack of the catalog."""

    name: str
    description: str
    questions: tuple[Question, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    """Version of each image that it runs; `release` for the one of the Kubernetes release."""
    templates: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Text of each of its templates by file name."""

    def answers(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return every answer: the spec's `values`, and the defaults of what they leave out.

        SpecError if one is no single line: a stored spec was not asked, and templates write answers as they are.
        """
        return answers_to(f"stack {self.name}", self.questions, values)

    def problems(self, values: Mapping[str, Any]) -> Iterator[AnswerProblem]:
        """Yield what is wrong with the spec's values."""
        return answer_problems("stack", self.questions, values)
