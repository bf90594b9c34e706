"""From the texts of the catalog's stacks to values: one `NAME/stack.yaml` each, and its templates beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field, model_validator

from windlass.domain.catalog.parsing import TEMPLATE_SUFFIX, CatalogFiles, CatalogSection, parse_document
from windlass.domain.catalog.question_files import QuestionSection
from windlass.domain.catalog.questions import Question
from windlass.domain.catalog.rancher import ServiceSection, together
from windlass.domain.catalog.stack_services import StackServices, answer_named
from windlass.domain.catalog.stacks import StackTemplate
from windlass.errors import SpecError

STACK_FILE = "stack.yaml"
COMPOSE_TEMPLATE = f"compose.yaml{TEMPLATE_SUFFIX}"
OWN_STACKS = ("etcd", "control-plane", "api-proxy")
"""Names that Windlass's own stacks have."""
OWN_COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "api-proxy")
"""Names that what they run has."""


class _Document(CatalogSection):
    title: str = ""
    description: str
    questions: list[QuestionSection] = Field(default_factory=list)
    images: dict[str, str] = Field(default_factory=dict)
    services: dict[Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")], ServiceSection] | None = None

    @model_validator(mode="after")
    def _agree(self) -> _Document:
        if self.services is not None:
            together(self.services)
        return self


def parse_stacks(files: CatalogFiles) -> dict[str, StackTemplate]:
    """Read every stack; one that is wrong is `broken`, with all that is wrong, each with file, line and path."""
    stacks = {}
    for path in sorted(path for path in files.texts if path.count("/") == 1 and path.endswith(f"/{STACK_FILE}")):
        name = path.partition("/")[0]
        try:
            stacks[name] = _stack(files, name)
        except SpecError as error:
            stacks[name] = StackTemplate(name, "", where=files.name(path), broken=str(error))
    return stacks


def merged_stacks(everywhere: Iterable[Mapping[str, StackTemplate]]) -> dict[str, StackTemplate]:
    """Return the stacks of several directories; of two with one name the first stays for who runs it.

    Nobody may pick it any more, so that nobody gets another one than was meant.
    """
    found: dict[str, StackTemplate] = {}
    for stacks in everywhere:
        for name, stack in stacks.items():
            if name in found:
                wrong = f"it is in {found[name].where} and in {stack.where}; take one away"
                found[name] = replace(found[name], broken=found[name].broken or wrong)
            else:
                found[name] = stack
    return found


def _stack(files: CatalogFiles, name: str) -> StackTemplate:
    path = f"{name}/{STACK_FILE}"
    document = parse_document(_Document, files.name(path), files.texts[path])
    templates = _templates(files.texts, name)
    if name in OWN_STACKS:
        raise SpecError(f"{files.name(path)}: `{name}` is the name of a stack of Windlass's own; rename the directory")
    if COMPOSE_TEMPLATE not in templates:
        raise SpecError(f"{files.name(path)}: there is no {COMPOSE_TEMPLATE} beside it")
    questions = tuple(one.read(files.name(path)) for one in document.questions)
    services = None if document.services is None else together(document.services)
    if problems := [*_unfitting_questions(questions), *_unfitting(questions, services)]:
        raise SpecError("\n".join(f"{files.name(path)}: {problem}" for problem in problems))
    return StackTemplate(
        name, document.description, questions, document.images, templates, document.title, files.name(path), services
    )


def _unfitting(questions: Sequence[Question], services: StackServices | None) -> Iterator[str]:
    """Yield what names something that the file itself does not have."""
    kinds = {one.variable: one.kind for one in questions}
    for name, health in ({} if services is None else services.health).items():
        if name in OWN_COMPONENTS:
            yield f"services: `{name}` is the name of a service of Windlass's own"
        for key, value in (health or {}).items():
            variable = answer_named(value)
            if variable is not None and kinds.get(variable) != "integer":
                yield f"services.{name}.health_check.{key}: there is no question `{variable}` for a number"


def _unfitting_questions(questions: Iterable[Question]) -> Iterator[str]:
    asked = {one.variable: one for one in questions}
    for question in asked.values():
        for variable in sorted(set(question.when) - set(asked)):
            yield f"questions: `{question.variable}` is asked with `{variable}`, which is no question"
        if question.fixed:
            yield f"questions: `{question.variable}` is fixed, which answers to drivers alone can be"


def _templates(texts: Mapping[str, str], name: str) -> dict[str, str]:
    prefix = f"{name}/"
    return {
        path.removeprefix(prefix): text
        for path, text in texts.items()
        if path.startswith(prefix) and path.endswith(TEMPLATE_SUFFIX)
    }
