"""Where each artifact is published: include/mirror/official.yaml as values."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from windlass.domain.architectures import AMD64
from windlass.domain.artifacts import Artifact
from windlass.domain.yamltext import read_yaml
from windlass.errors import SpecError, WindlassError

SITES_VARIABLE = "WINDLASS_OFFICIAL_SITES"
_PLACEHOLDERS = ("{arch}", "{machine}", "{archive}")


@dataclass(frozen=True)
class FilePublication:
    """One download: its URL, the URL of the publisher's checksums, the member to take out if it is an archive."""

    url: str
    checksum_url: str | None
    member: str | None


@dataclass(frozen=True)
class ImagePublication:
    """One image: the base URL of its registry, its repository there and its tag."""

    registry: str
    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.registry}/v2/{self.repository} tag {self.tag}"


Publication = FilePublication | ImagePublication


@dataclass(frozen=True)
class PublisherSite:
    """Where a publisher's downloads are, and a path there that answers with 200."""

    base: str
    probe: str


@dataclass(frozen=True)
class _File:
    url: str
    checksum: str | None
    member: str | None = None


@dataclass(frozen=True)
class OfficialCatalog:
    """Everything that official.yaml says; addresses of sites and registries may be overridden."""

    sites: Mapping[str, PublisherSite]
    registries: Mapping[str, str]
    files: Mapping[str, _File]
    images: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What publishers call an architecture in the names of files: by architecture and placeholder."""

    def has(self, artifact: Artifact) -> bool:
        """Tell whether a place is known where `artifact` is published."""
        if artifact.kind == "image":
            return artifact.name in self.images
        file = self.files.get(artifact.name)
        # A URL without a place for the architecture is that of amd64.
        return file is not None and (artifact.architecture == AMD64 or any(one in file.url for one in _PLACEHOLDERS))

    def publication(self, artifact: Artifact) -> Publication:
        """Say where `artifact` is published; WindlassError if official.yaml does not know it."""
        if not self.has(artifact):
            raise WindlassError(f"{artifact}: official.yaml does not say where it is published; add it there")
        if artifact.kind == "image":
            return self._image(self.images[artifact.name], artifact)
        file = self.files[artifact.name]
        return FilePublication(
            url=self._filled(file.url, artifact),
            checksum_url=self._filled(file.checksum, artifact) if file.checksum else None,
            member=self._filled(file.member, artifact) if file.member else None,
        )

    def template(self, artifact: Artifact) -> str:
        """Return what official.yaml says of `artifact`, the same whatever address a site has."""
        if artifact.kind == "image":
            return self.images[artifact.name]
        told = asdict(self.files[artifact.name])
        return json.dumps({key: text and self._on_architecture(text, artifact) for key, text in told.items()})

    def _filled(self, template: str, artifact: Artifact) -> str:
        bases = {name: site.base for name, site in self.sites.items()}
        number = artifact.version.removeprefix("v")
        text = self._on_architecture(template, artifact)
        return text.format(**bases, name=artifact.name, version=artifact.version, number=number)

    def _on_architecture(self, template: str, artifact: Artifact) -> str:
        """Fill in what publishers call the architecture; WindlassError if official.yaml does not say that."""
        for placeholder in _PLACEHOLDERS:
            if placeholder in template:
                try:
                    template = template.replace(placeholder, self.words[artifact.architecture][placeholder[1:-1]])
                except KeyError:
                    raise WindlassError(
                        f"{artifact}: official.yaml does not say under `architectures` what {placeholder} is for "
                        f"{artifact.architecture}; add it there"
                    ) from None
        return template

    def _image(self, template: str, artifact: Artifact) -> ImagePublication:
        reference = self._filled(template, artifact)
        host, _, rest = reference.partition("/")
        repository, _, tag = rest.rpartition(":")
        if host not in self.registries:
            raise WindlassError(f"{artifact}: official.yaml knows no registry `{host}`; add it to `registries`")
        return ImagePublication(self.registries[host], repository, tag)


def load_catalog(path: Path, overrides: Mapping[str, str] | None = None) -> OfficialCatalog:
    """Read official.yaml with other addresses for some sites; by default those of WINDLASS_OFFICIAL_SITES.

    SpecError if the file does not have the shape it should have, or an address is given for an unknown site.
    """
    chosen = parse_overrides(os.environ.get(SITES_VARIABLE, "")) if overrides is None else overrides
    try:
        catalog = _parsed(read_yaml(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise SpecError(f"{path}: does not say where artifacts are published: {error}") from error
    return _overridden(catalog, chosen)


def _parsed(document: Any) -> OfficialCatalog:
    return OfficialCatalog(
        sites={name: PublisherSite(**entry) for name, entry in document["sites"].items()},
        registries=document["registries"],
        files={name: _File(**entry) for name, entry in document["files"].items()},
        images=document["images"],
        words=document.get("architectures", {}),
    )


def parse_overrides(text: str) -> dict[str, str]:
    """Read `name=url,name=url`; SpecError for a part that is not of that form."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in parts if "=" not in part]
    if wrong:
        raise SpecError(f"{SITES_VARIABLE}: `{wrong[0]}` is not of the form name=url")
    return {name.strip(): url.strip().rstrip("/") for name, _, url in (part.partition("=") for part in parts)}


def _overridden(catalog: OfficialCatalog, overrides: Mapping[str, str]) -> OfficialCatalog:
    unknown = sorted(set(overrides) - set(catalog.sites) - set(catalog.registries))
    if unknown:
        known = ", ".join([*catalog.sites, *catalog.registries])
        raise SpecError(f"{SITES_VARIABLE}: no site is called `{unknown[0]}`; known are {known}")
    return replace(
        catalog,
        sites={name: replace(site, base=overrides.get(name, site.base)) for name, site in catalog.sites.items()},
        registries={name: overrides.get(name, base) for name, base in catalog.registries.items()},
    )
