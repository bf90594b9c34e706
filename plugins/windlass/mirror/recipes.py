"""The recipes of the source `modules`: how each artifact is made, read from modules.yaml."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from windlass.domain.artifacts import Artifact
from windlass.domain.yamltext import read_yaml
from windlass.errors import WindlassError
from windlass.mirror.places import own_architecture

# Raise this when the code that follows recipes makes other bytes than before.
_FORMAT = "1"


@dataclass(frozen=True)
class Build:
    """Programs built from Go packages, or one from a C file."""

    packages: Mapping[str, str] = field(default_factory=dict)
    """Which Go package becomes which program."""
    directory: str = ""
    """Below modules/: go.mod, go.sum and sources; the name of the build if empty."""
    shared: Sequence[str] = ()
    """Further files below modules/ that belong beside go.mod."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the linker sets: package path and variable, value."""
    emptied: Sequence[str] = ()
    """Packages whose files are left out: what they need cannot be had, or needs a C compiler."""
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Packages that a directory of ours, below the build's own, takes the place of; single files of one too, or new."""
    c: str = ""
    """A C file below modules/, linked statically to the program of this build's name."""
    tags: Sequence[str] = ()
    """Go's build tags."""
    language: Mapping[str, str] = field(default_factory=dict)
    """Version of Go's language (`go1.26`) by pattern of packages: those without a go.mod are taken for Go 1.16 else."""
    c_libraries: Debian | None = None
    """For Go programs with C in them: headers and static libraries that they are linked with, wholly statically."""


@dataclass(frozen=True)
class Debian:
    """Files out of Debian packages, with the libraries that they need."""

    packages: Sequence[str]
    files: Sequence[str]
    """Patterns of paths below /."""
    version_from: str = ""
    """The package whose version the artifact's must be."""
    least: str = ""
    """The revision of that package which it must have at least: earlier ones have flaws that Debian has fixed."""


@dataclass(frozen=True)
class FileRecipe:
    """How a file artifact is made: one program, an archive of several, or out of Debian packages."""

    program: str = ""
    """`BUILD/PROGRAM`."""
    archive: Mapping[str, str] = field(default_factory=dict)
    """A tar.gz: path in it, `BUILD/PROGRAM`."""
    debian: Debian | None = None
    """One file out of packages."""


@dataclass(frozen=True)
class LayerRecipe:
    """A part that several images may share."""

    programs: Mapping[str, str] = field(default_factory=dict)
    """Path in the image, `BUILD/PROGRAM`."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Path in the image, where the symbolic link points."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Path in the image, content."""
    directories: Sequence[str] = ()
    applets: Sequence[str] = ()
    """Names in /usr/bin that busybox serves."""
    debian: Debian | None = None


@dataclass(frozen=True)
class ImageRecipe:
    """An image: its layers from the bottom up, and what it runs."""

    layers: Sequence[str]
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = ""


class Recipes:
    """All recipes below one directory, as they are followed for one architecture: this machine's if none is said."""

    def __init__(self, directory: Path, architecture: str | None = None) -> None:
        self.directory = directory
        self.architecture = architecture or own_architecture()
        self._path = directory / "modules.yaml"

    @property
    def sources(self) -> Path:
        """Where the Go modules and C files are."""
        return self.directory / "modules"

    def build(self, name: str) -> Build:
        """Return the recipe of the build `name`."""
        document = dict(self._entry("builds", name))
        if "c_libraries" in document:
            document["c_libraries"] = Debian(**document["c_libraries"])
        return Build(**document)

    def file(self, artifact: Artifact) -> FileRecipe:
        """Return the recipe of a file artifact."""
        document = dict(self._entry("files", self._key("files", artifact)))
        return FileRecipe(**{**document, "debian": _debian(document)})

    def image(self, artifact: Artifact) -> ImageRecipe:
        """Return the recipe of an image."""
        return ImageRecipe(**self._entry("images", self._key("images", artifact)))

    def layer(self, name: str) -> LayerRecipe:
        """Return the recipe of the layer `name`."""
        document = dict(self._entry("layers", name))
        return LayerRecipe(**{**document, "debian": _debian(document)})

    def has(self, artifact: Artifact) -> bool:
        """Say whether there is a recipe for `artifact`."""
        section = self._document["files" if artifact.kind == "file" else "images"]
        return artifact.name in section or f"{artifact.name}:{artifact.version}" in section

    def build_hash(self, name: str) -> str:
        """Hash what decides the bytes of a build."""
        return _hash(self._build_inputs(name))

    def layer_hash(self, name: str) -> str:
        """Hash what decides the bytes of a layer."""
        return _hash(self._layer_inputs(name))

    def artifact_hash(self, artifact: Artifact) -> str:
        """Hash what decides the bytes of an artifact."""
        if artifact.kind == "file":
            recipe = self.file(artifact)
            programs = [recipe.program, *recipe.archive.values()] if recipe.program else [*recipe.archive.values()]
            return _hash([str(artifact), asdict(recipe), self._builds_inputs(programs)])
        image = self.image(artifact)
        return _hash([str(artifact), asdict(image), [self._layer_inputs(layer) for layer in image.layers]])

    def build_directory(self, name: str) -> Path:
        """Return where the go.mod of a build is."""
        return self.sources / (self.build(name).directory or name)

    def _layer_inputs(self, name: str) -> list[Any]:
        layer = self.layer(name)
        return [asdict(layer), self._builds_inputs(layer.programs.values())]

    def _builds_inputs(self, programs: Any) -> list[Any]:
        return [self._build_inputs(name) for name in sorted({program.split("/", 1)[0] for program in programs})]

    def _build_inputs(self, name: str) -> list[Any]:
        build = self.build(name)
        if build.c:
            sources = [self.sources / build.c]
        else:
            directory = self.build_directory(name)
            sources = sorted(path for path in directory.rglob("*") if path.is_file())
            sources += [self.sources / path for path in build.shared]
        return [_FORMAT, self.architecture, name, _inputs_of(build), [self._file_hash(path) for path in sources]]

    def _file_hash(self, path: Path) -> list[str]:
        if path not in self._hashes:
            self._hashes[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        return [str(path.relative_to(self.sources)), self._hashes[path]]

    @cached_property
    def _hashes(self) -> dict[Path, str]:
        return {}

    @cached_property
    def _document(self) -> dict[str, dict[str, Any]]:
        document: dict[str, dict[str, Any]] = read_yaml(self._path.read_text(encoding="utf-8"))
        return document

    def _key(self, section: str, artifact: Artifact) -> str:
        exact = f"{artifact.name}:{artifact.version}"
        return exact if exact in self._document[section] else artifact.name

    def _entry(self, section: str, name: str) -> dict[str, Any]:
        try:
            entry: dict[str, Any] = self._document[section][name]
        except KeyError:
            raise WindlassError(f"{self._path}: nothing is named `{name}` under `{section}`; add its recipe") from None
        return entry


def _inputs_of(build: Build) -> dict[str, Any]:
    """Return what a recipe says; keys that came later count where they are used, so that older builds stay valid."""
    later = {"tags", "language", "c_libraries"}
    return {key: value for key, value in asdict(build).items() if value or key not in later}


def _debian(document: Mapping[str, Any]) -> Debian | None:
    return Debian(**document["debian"]) if "debian" in document else None


def _hash(inputs: list[Any]) -> str:
    return hashlib.sha256(json.dumps([_FORMAT, inputs], sort_keys=True).encode()).hexdigest()
