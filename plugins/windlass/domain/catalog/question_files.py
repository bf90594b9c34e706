"""Questions as the files of stacks and drivers have them."""

from __future__ import annotations

from pydantic import Field

from windlass.domain.catalog.parsing import CatalogSection
from windlass.domain.catalog.questions import AnswerKind, Question
from windlass.errors import SpecError


class QuestionSection(CatalogSection):
    """A question as a file of the catalog has it."""

    variable: str = Field(pattern=r"^[a-z][a-zA-Z0-9]*$")
    label: str
    type: AnswerKind
    default: str | int | bool | list[str] | None = None
    options: list[str] = Field(default_factory=list)
    pattern: str | None = None
    min: int | None = None
    max: int | None = None
    example: str | int | list[str] | None = None
    setting: str = ""
    when: dict[str, str | int | bool] = Field(default_factory=dict)
    fixed: str = ""

    def read(self, file: str) -> Question:
        """Return the question; SpecError if its own default, or its example, is no answer to it."""
        question = Question(
            self.variable, self.label, self.type, self.default, tuple(self.options), self.pattern, self.min, self.max,
            self.example, self.setting, self.when, self.fixed,
        )  # fmt: skip
        for what, answer in (("default", self.default), ("example", self.example)):
            if answer is not None and (wrong := question.problem(answer)):
                raise SpecError(f"{file}: questions: the {what} of `{self.variable}`: {wrong[0]}; {wrong[1]}")
        return question
