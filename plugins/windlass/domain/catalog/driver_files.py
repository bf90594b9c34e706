"""From the texts of the catalog's drivers to values: one `SLOT/NAME/driver.yaml` each, and its templates beside it.

What a driver cannot say here it cannot do: nothing of it is run on hosts but programs of the catalog, and what is taken
away from hosts is named by words of fixed forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from windlass.domain.catalog.drivers import (
    NONE,
    SLOTS,
    Driver,
    DriverId,
    DriverKind,
    DriverNeeds,
    Drivers,
    HostTraces,
    KernelModule,
    KernelVersion,
    Traffic,
    When,
)
from windlass.domain.catalog.icons import ICON_FILE, icon_problems
from windlass.domain.catalog.parsing import TEMPLATE_SUFFIX, CatalogFiles, CatalogSection, parse_document
from windlass.domain.catalog.question_files import QuestionSection
from windlass.domain.catalog.questions import Question
from windlass.domain.masking import is_secret_name
from windlass.errors import SpecError

DRIVER_FILE = "driver.yaml"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
_ObjectPath = Annotated[str, Field(pattern=r"^/apis?/[A-Za-z0-9/.:_-]+$")]
_Minor = Annotated[str, Field(pattern=r"^\d+\.\d+$")]
_Answers = dict[str, str | int | bool]


class _Kernel(CatalogSection):
    version: _Minor
    when: _Answers = Field(default_factory=dict)


class _Module(CatalogSection):
    name: str = Field(pattern=r"^[a-z0-9_]+$")
    when: _Answers = Field(default_factory=dict)
    required: bool = False


class _SharedNetwork(CatalogSection):
    when: _Answers = Field(default_factory=dict)


class _Needs(CatalogSection):
    kernel: _Minor | list[_Kernel] = Field(default_factory=list)
    architectures: list[Literal["amd64", "arm64"]] = Field(default_factory=list)
    releases: list[_Minor] = Field(default_factory=list)
    modules: list[_Module] = Field(default_factory=list)
    shared_network: _SharedNetwork | None = None
    families: list[list[Literal[4, 6]]] = Field(default_factory=list)


class _Kind(CatalogSection):
    api_version: str = Field(pattern=r"^[a-z0-9.-]+/v[a-z0-9]+$")
    kind: str = Field(pattern=r"^[A-Z][A-Za-z0-9]+$")
    plural: str = Field(pattern=r"^[a-z0-9]+$")
    always: bool = False
    when: _Answers = Field(default_factory=dict)


class _Traffic(CatalogSection):
    protocol: Literal["tcp", "udp"]
    port: int = Field(ge=1, le=65535)
    when: _Answers = Field(default_factory=dict)


# Of what is taken away: below where programs keep such, and never all that is there.
_Path = Annotated[
    str, Field(pattern=r"^/(run|var/lib|var/log|etc/cni/net\.d)/[A-Za-z0-9_*-]*[A-Za-z0-9]{3}[A-Za-z0-9._*/-]*$")
]


class _Remove(CatalogSection):
    interfaces: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,14}$")]] = Field(default_factory=list)
    routes: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{2,14}$")]] = Field(default_factory=list)
    chains: list[Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9_]{2,20}$")]] = Field(default_factory=list)
    tables: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{2,62}$")]] = Field(default_factory=list)
    paths: list[_Path] = Field(default_factory=list)


class _Document(CatalogSection):
    title: str = Field(min_length=1)
    description: str = Field(min_length=1)
    questions: list[QuestionSection] = Field(default_factory=list)
    needs: _Needs = Field(default_factory=_Needs)
    images: dict[_Name, str] = Field(default_factory=dict)
    files: dict[_Name, str] = Field(default_factory=dict)
    ahead: list[str] = Field(default_factory=list)
    plugins: dict[_Name, str] = Field(default_factory=dict)
    namespaces: list[_Name] = Field(default_factory=list)
    verify: list[_ObjectPath] = Field(default_factory=list)
    kinds: list[_Kind] = Field(default_factory=list)
    traffic: list[_Traffic] = Field(default_factory=list)
    quiet_accounts: list[_Name] = Field(default_factory=list)
    spreads_replicas: bool = False
    remove: _Remove = Field(default_factory=_Remove)


def parse_drivers(files: CatalogFiles) -> Drivers:
    """Read every driver; one that is wrong is among the `broken`, with all that is wrong, each with file and line."""
    loaded: dict[DriverId, Driver] = {}
    broken: dict[DriverId, str] = {}
    for path in sorted(path for path in files.texts if path.count("/") == 2 and path.endswith(f"/{DRIVER_FILE}")):
        slot, name, _ = path.split("/")
        try:
            loaded[slot, name] = _driver(files, slot, name)
        except SpecError as error:
            broken[slot, name] = str(error)
    return Drivers(loaded, broken)


def merged(all_drivers: Iterable[Drivers]) -> Drivers:
    """Return the drivers of several directories; of two with one name the first stays, and is `broken` to who picks it.

    So nobody gets another one than was meant, and a cluster that runs with the first keeps it.
    """
    loaded: dict[DriverId, Driver] = {}
    broken: dict[DriverId, str] = {}
    for drivers in all_drivers:
        broken |= {one: why for one, why in drivers.broken.items() if one not in broken}
        for found, driver in drivers.loaded.items():
            if found in loaded:
                broken[found] = f"it is in {loaded[found].where} and in {driver.where}; take one away"
            loaded.setdefault(found, driver)
    return Drivers(loaded, broken)


def _driver(files: CatalogFiles, slot: str, name: str) -> Driver:
    path = f"{slot}/{name}/{DRIVER_FILE}"
    file = files.name(path)
    document = parse_document(_Document, file, files.texts[path])
    questions = tuple(one.read(file) for one in document.questions)
    templates = _templates(files.texts, f"{slot}/{name}/")
    icon = files.texts.get(f"{slot}/{name}/{ICON_FILE}", "")
    drawn = [f"{ICON_FILE}: {wrong}" for wrong in icon_problems(icon)] if icon else []
    if problems := [*_misplaced(slot, name, templates), *_unfitting(document, questions), *drawn]:
        raise SpecError("\n".join(f"{file}: {problem}" for problem in problems))
    return Driver(
        slot,
        name,
        document.title,
        document.description.strip(),
        file,
        questions,
        _read_needs(document.needs),
        document.images,
        document.files,
        tuple(document.ahead),
        document.plugins,
        tuple(document.namespaces),
        tuple(document.verify),
        tuple(DriverKind(one.api_version, one.kind, one.plural, one.always, one.when) for one in document.kinds),
        tuple(Traffic(one.protocol, one.port, one.when) for one in document.traffic),
        tuple(document.quiet_accounts),
        document.spreads_replicas,
        HostTraces(**{key: tuple(found) for key, found in document.remove}),
        templates,
        icon,
    )


def _read_needs(section: _Needs) -> DriverNeeds:
    kernels = [_Kernel(version=section.kernel)] if isinstance(section.kernel, str) else section.kernel
    shared: When | None = None if section.shared_network is None else section.shared_network.when
    return DriverNeeds(
        tuple(KernelVersion(_numbers(one.version), one.when) for one in kernels),
        tuple(section.architectures),
        tuple(section.releases),
        tuple(KernelModule(one.name, one.when, one.required) for one in section.modules),
        shared,
        tuple(map(tuple, section.families)),
    )


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _misplaced(slot: str, name: str, templates: Mapping[str, str]) -> Iterator[str]:
    if slot not in SLOTS:
        yield f"there is no slot `{slot}`; the directory is drivers/SLOT/NAME, and slots are {', '.join(SLOTS)}"
    if not _NAME.fullmatch(name):
        yield f"`{name}` is no name; rename the directory: lower-case letters, digits and `-`"
    if name != NONE and not any(is_manifest(file) for file in templates):
        yield f"there are no manifests beside it; write some as NAME.yaml{TEMPLATE_SUFFIX}"


def _unfitting(document: _Document, questions: tuple[Question, ...]) -> Iterator[str]:
    """Yield what names something that the file itself does not have."""
    asked = {one.variable for one in questions}
    for question in questions:
        if question.default is None and question.example is None:
            yield f"questions: `{question.variable}` has neither a default nor an example, so that it cannot be tried"
        if question.kind == "multiline":
            yield f"questions: `{question.variable}` is a multiline, which only stacks ask for; ask for a list"
        if is_secret_name(question.variable) or question.kind == "password":
            yield f"questions: `{question.variable}` asks for a secret; let objects refer to a Secret that users bring"
    for when in _conditions(document):
        for variable in sorted(set(when) - asked):
            yield f"when: there is no question `{variable}`"
    yield from _unknown_parts(document)


def _unknown_parts(document: _Document) -> Iterator[str]:
    for image in document.ahead:
        if image not in document.images:
            yield f"ahead: `{image}` is none of its images"
    for path in document.remove.paths:
        if ".." in path:
            yield f"remove: `{path}` leads out of its directory"
    for plugin, file in document.plugins.items():
        if file not in document.files:
            yield f"plugins: `{plugin}` is `{file}`, which is none of its files"


def _conditions(document: _Document) -> Iterator[Mapping[str, Any]]:
    if not isinstance(document.needs.kernel, str):
        yield from (one.when for one in document.needs.kernel)
    yield from (one.when for one in document.questions)
    yield from (one.when for one in document.needs.modules)
    yield from (one.when for one in document.kinds)
    yield from (one.when for one in document.traffic)
    if document.needs.shared_network is not None:
        yield document.needs.shared_network.when


def is_manifest(file: str) -> bool:
    """Tell whether a template of a driver gives objects; others are there to be imported."""
    return file.endswith(f".yaml{TEMPLATE_SUFFIX}") and "/" not in file


def _templates(texts: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        path.removeprefix(prefix): text
        for path, text in texts.items()
        if path.startswith(prefix) and path.endswith(TEMPLATE_SUFFIX)
    }
