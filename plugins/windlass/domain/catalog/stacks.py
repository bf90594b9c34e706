"""Stacks of the catalog that a spec may pick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.catalog.questions import AnswerProblem, Question, answer_problems, answers_to
from windlass.domain.catalog.stack_services import StackServices

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
    title: str = ""
    where: str = ""
    """The file that it was read from."""
    services: StackServices | None = None
    """What its file says of its services; None where its template says all of it by Windlass's macros."""
    broken: str = ""
    """Why it cannot be picked; empty if it can."""

    @property
    def scale(self) -> int | None:
        """On how many hosts it is to run; None: on all that fit."""
        return None if self.services is None else self.services.scale

    @property
    def asks_labels(self) -> bool:
        """Whether it runs only on hosts with labels, or without."""
        return self.services is not None and bool(self.services.labels or self.services.not_labels)

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a host with `labels` may run it."""
        return self.services is None or self.services.fits(labels)

    def answers(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return every answer: the spec's `values`, and the defaults of what they leave out.

        SpecError if one is no single line: a stored spec was not asked, and templates write answers as they are.
        """
        return answers_to(f"stack {self.name}", self.questions, values)

    def problems(self, values: Mapping[str, Any]) -> Iterator[AnswerProblem]:
        """Yield what is wrong with the spec's values."""
        return answer_problems("stack", self.questions, values)
