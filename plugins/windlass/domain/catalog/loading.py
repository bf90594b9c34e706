"""Read the catalog from its directory: one `vX.Y.Z/catalog.yaml` a release, and the templates that it searches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from windlass.domain.catalog.release import Catalog, Release, RemovedApi
from windlass.errors import SpecError

_CATALOG_FILE = "catalog.yaml"
TEMPLATE_SUFFIX = ".j2"
_VERSION_PATTERN = r"^v\d+\.\d+\.\d+$"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


class _RemovedApi(_Section):
    api_version: str
    kinds: list[str] = Field(min_length=1)
    use: str


class _Document(_Section):
    version: str = Field(pattern=_VERSION_PATTERN)
    templates: list[str] = Field(min_length=1)
    upgrades_from: list[str]
    files: dict[str, str]
    images: dict[str, str]
    removed_apis: list[_RemovedApi] = []
    notes: list[str] = []


def load_catalog(path: Path) -> Catalog:
    """Read every release below `path`; SpecError that lists all that is wrong, each with file, line and path."""
    files = sorted(path.glob(f"v*/{_CATALOG_FILE}"))
    if not files:
        raise SpecError(f"{path}: no catalog; expected directories such as v1.37.2 with a {_CATALOG_FILE} in each")
    releases, problems = {}, []
    for file in files:
        try:
            release = _load_release(path, file)
            releases[release.version] = release
        except SpecError as error:
            problems.append(str(error))
    if problems:
        raise SpecError("\n".join(problems))
    return Catalog(releases)


def _load_release(root: Path, file: Path) -> Release:
    text = file.read_text(encoding="utf-8")
    document = _parse(file, text)
    if document.version != file.parent.name:
        raise SpecError(f"{file}: version: it says {document.version}, but lies in the directory {file.parent.name}")
    return Release(
        version=document.version,
        files=document.files,
        images=document.images,
        upgrades_from=tuple(document.upgrades_from),
        removed_apis=tuple(RemovedApi(api.api_version, tuple(api.kinds), api.use) for api in document.removed_apis),
        notes=tuple(document.notes),
        templates=_load_templates(root, file, document.templates),
    )


def _parse(file: Path, text: str) -> _Document:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return _Document.model_validate(yaml.safe_load(text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{file}:{line}: no YAML: {error.problem}") from error
    except ValidationError as error:
        raise SpecError("\n".join(_problems(file, node, error))) from error


def _problems(file: Path, node: yaml.Node | None, error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        where = problem["loc"]
        path = ".".join(str(step) for step in where)
        yield f"{file}:{_line_of(node, where)}: {path or 'the document'}: {problem['msg']}"


def _line_of(node: yaml.Node | None, where: tuple[Any, ...]) -> int:
    """Return the line of the innermost part of `where` that the document has."""
    line = 1
    for step in where:
        found = _child(node, step)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _load_templates(root: Path, file: Path, search: list[str]) -> Mapping[str, str]:
    """Read all templates of the search path; of those with the same name the first directory's counts."""
    templates: dict[str, str] = {}
    for directory in search:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", directory) or not (root / directory).is_dir():
            raise SpecError(f"{file}: templates: there is no directory `{directory}` in {root}")
        for template in sorted((root / directory).rglob(f"*{TEMPLATE_SUFFIX}")):
            name = template.relative_to(root / directory).as_posix()
            templates.setdefault(name, template.read_text(encoding="utf-8"))
    return templates
