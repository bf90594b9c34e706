"""From the texts of the catalog's stacks to values: one `NAME/stack.yaml` each, and its templates beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from windlass.domain.catalog.parsing import TEMPLATE_SUFFIX, CatalogFiles, CatalogSection, parse_document
from windlass.domain.catalog.question_files import QuestionSection
from windlass.domain.catalog.questions import Question
from windlass.domain.catalog.stacks import StackTemplate
from windlass.errors import SpecError

STACK_FILE = "stack.yaml"
COMPOSE_TEMPLATE = f"compose.yaml{TEMPLATE_SUFFIX}"
OWN_STACKS = ("etcd", "control-plane", "api-proxy")
"""Names that Windlass's own stacks have."""


class _Document(CatalogSection):
    description: str
    questions: list[QuestionSection] = Field(default_factory=list)
    images: dict[str, str] = Field(default_factory=dict)


def parse_stacks(files: CatalogFiles) -> dict[str, StackTemplate]:
    """Read every stack; SpecError that lists all that is wrong, each with file, line and path."""
    stacks, problems = {}, []
    for path in sorted(path for path in files.texts if path.count("/") == 1 and path.endswith(f"/{STACK_FILE}")):
        try:
            stack = _stack(files, path.partition("/")[0])
            stacks[stack.name] = stack
        except SpecError as error:
            problems.append(str(error))
    if problems:
        raise SpecError("\n".join(problems))
    return stacks


def _stack(files: CatalogFiles, name: str) -> StackTemplate:
    path = f"{name}/{STACK_FILE}"
    document = parse_document(_Document, files.name(path), files.texts[path])
    templates = _templates(files.texts, name)
    if name in OWN_STACKS:
        raise SpecError(f"{files.name(path)}: `{name}` is the name of a stack of Windlass's own; rename the directory")
    if COMPOSE_TEMPLATE not in templates:
        raise SpecError(f"{files.name(path)}: there is no {COMPOSE_TEMPLATE} beside it")
    questions = tuple(one.read(files.name(path)) for one in document.questions)
    if problems := list(_unfitting(questions)):
        raise SpecError("\n".join(f"{files.name(path)}: questions: {problem}" for problem in problems))
    return StackTemplate(name, document.description, questions, document.images, templates)


def _unfitting(questions: Iterable[Question]) -> Iterator[str]:
    asked = {one.variable: one for one in questions}
    for question in asked.values():
        for variable in sorted(set(question.when) - set(asked)):
            yield f"`{question.variable}` is asked with `{variable}`, which is no question"
        if question.fixed:
            yield f"`{question.variable}` is fixed, which answers to drivers alone can be"


def _templates(texts: Mapping[str, str], name: str) -> dict[str, str]:
    prefix = f"{name}/"
    return {
        path.removeprefix(prefix): text
        for path, text in texts.items()
        if path.startswith(prefix) and path.endswith(TEMPLATE_SUFFIX)
    }
