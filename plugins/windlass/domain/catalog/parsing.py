"""From the texts of a catalog's files to its releases: one `vX.Y.Z/catalog.yaml` each, and its templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from windlass.domain.artifacts import FLAGS_FILE
from windlass.domain.catalog.flags import ReleaseFlags, read_flags
from windlass.domain.catalog.flaws import FLAWS_FILE, Flaw, Severity, VersionRange
from windlass.domain.catalog.kubelet_keys import KUBELET_FILE, KubeletKeys, read_keys
from windlass.domain.catalog.release import Catalog, Release, RemovedApi
from windlass.domain.yamltext import compose_yaml, read_yaml
from windlass.errors import SpecError

CATALOG_FILE = "catalog.yaml"
TEMPLATE_SUFFIX = ".j2"
_ProjectVersion = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+(-[a-z]+\.?\d+)?$")]
Document = TypeVar("Document", bound=BaseModel)


class CatalogSection(BaseModel):
    """One mapping in a file of the catalog: every key known, nothing converted silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


class _RemovedApi(CatalogSection):
    api_version: str
    kinds: list[str] = Field(min_length=1)
    use: str


class _Document(CatalogSection):
    version: str = Field(pattern=r"^v\d+\.\d+\.\d+$")
    templates: list[str] = Field(min_length=1)
    upgrades_from: list[str]
    files: dict[str, str]
    images: dict[str, str]
    removed_apis: list[_RemovedApi] = []
    notes: list[str] = []


class _Range(CatalogSection):
    since: _ProjectVersion = "0.0.0"
    before: _ProjectVersion


class _Flaw(CatalogSection):
    id: str = Field(pattern=r"^(CVE-\d{4}-\d+|GHSA(-[a-z0-9]{4}){3})$")
    component: str
    severity: Severity
    summary: str = Field(min_length=1)
    source: str = Field(pattern=r"^https://\S+$")
    affected: list[_Range] = Field(min_length=1)
    debian: str = ""
    closed_by: str = ""


class _Flaws(CatalogSection):
    flaws: list[_Flaw]


@dataclass(frozen=True)
class CatalogFiles:
    """A catalog as it lies on a disk: the directories at its top, and texts of files by their paths below `root`."""

    root: str
    directories: frozenset[str]
    texts: Mapping[str, str]

    def name(self, path: str) -> str:
        """Give the whole path of a file."""
        return f"{self.root}/{path}"


def parse_catalog(files: CatalogFiles) -> Catalog:
    """Read every release; SpecError that lists all that is wrong, each with file, line and path."""
    paths = sorted(path for path in files.texts if re.fullmatch(rf"v[^/]*/{re.escape(CATALOG_FILE)}", path))
    if not paths:
        raise SpecError(f"{files.root}: no catalog; expected directories such as v1.37.2 with a {CATALOG_FILE} in each")
    releases, problems = {}, []
    for path in paths:
        try:
            release = _release(files, path)
            releases[release.version] = release
        except SpecError as error:
            problems.append(str(error))
    if problems:
        raise SpecError("\n".join(problems))
    return Catalog(releases)


def _release(files: CatalogFiles, path: str) -> Release:
    name, directory = files.name(path), path.partition("/")[0]
    document = parse_document(_Document, name, files.texts[path])
    if document.version != directory:
        raise SpecError(f"{name}: version: it says {document.version}, but lies in the directory {directory}")
    return Release(
        version=document.version,
        files=document.files,
        images=document.images,
        upgrades_from=tuple(document.upgrades_from),
        removed_apis=tuple(RemovedApi(api.api_version, tuple(api.kinds), api.use) for api in document.removed_apis),
        notes=tuple(document.notes),
        templates=_templates(files, name, document.templates),
        flags=flags_of(files, directory),
        kubelet_keys=kubelet_keys_of(files, directory),
        flaws=_flaws(files),
    )


def _flaws(files: CatalogFiles) -> tuple[Flaw, ...]:
    """Return the known flaws of what the catalog ships; none where nobody keeps them."""
    if FLAWS_FILE not in files.texts:
        return ()
    document = parse_document(_Flaws, files.name(FLAWS_FILE), files.texts[FLAWS_FILE])
    return tuple(
        Flaw(**{**dict(one), "affected": tuple(VersionRange(part.since, part.before) for part in one.affected)})
        for one in document.flaws
    )


def flags_of(files: CatalogFiles, release: str) -> ReleaseFlags:
    """Return the flags of the components of a release; none where nobody has recorded them."""
    path = f"{release}/{FLAGS_FILE}"
    return read_flags(files.texts[path], files.name(path)) if path in files.texts else {}


def kubelet_keys_of(files: CatalogFiles, release: str) -> KubeletKeys:
    """Return what the kubelet of a release takes in its configuration; nothing where nobody has recorded it."""
    path = f"{release}/{KUBELET_FILE}"
    return read_keys(files.texts[path], files.name(path)) if path in files.texts else KubeletKeys()


def parse_document(model: type[Document], file: str, text: str) -> Document:
    """Read a YAML file of the catalog; SpecError that lists all that is wrong, each with file, line and path."""
    try:
        node = compose_yaml(text)
        return model.model_validate(read_yaml(text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{file}:{line}: no YAML: {error.problem}") from error
    except ValidationError as error:
        raise SpecError("\n".join(_problems(file, node, error))) from error


def _problems(file: str, node: yaml.Node | None, error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        where = problem["loc"]
        path = ".".join(str(step) for step in where)
        told = problem["msg"].removeprefix("Value error, ")
        yield f"{file}:{_line_of(node, where)}: {path or 'the document'}: {told}"


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


def _templates(files: CatalogFiles, name: str, search: list[str]) -> Mapping[str, str]:
    """Return all templates of the search path; of those with the same name the first directory's counts."""
    templates: dict[str, str] = {}
    for directory in search:
        if directory not in files.directories:
            raise SpecError(f"{name}: templates: there is no directory `{directory}` in {files.root}")
        for path, text in files.texts.items():
            if path.startswith(f"{directory}/") and path.endswith(TEMPLATE_SUFFIX):
                templates.setdefault(path.removeprefix(f"{directory}/"), text)
    return templates
