"""A Debian suite's index of packages: what there is, with which checksum, and what needs what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename

from windlass.domain.bounded import read_from
from windlass.errors import IntegrityError, WindlassError

# On any Debian host already; an archive of packages leaves these out, and so never touches the host's C library.
_PRESENT = frozenset({"init-system-helpers", "ca-certificates"})


@dataclass(frozen=True)
class Package:
    """One package of the index."""

    name: str
    version: str
    path: str
    sha256: str
    depends: tuple[tuple[str, ...], ...]
    """Each element is one need, met by any of its names."""
    provides: frozenset[str]
    is_on_every_host: bool

    @property
    def file_name(self) -> str:
        """The name of the .deb file."""
        return basename(self.path)


def release_sha256(in_release: str, path: str, url: str) -> str:
    """Find the SHA-256 of the index `path` in the text of an InRelease file that came from `url`."""
    section = in_release.partition("\nSHA256:")[2]
    found = re.search(rf"^ ([0-9a-f]{{64}}) +\d+ {re.escape(path)}$", section, flags=re.MULTILINE)
    if found is None:
        raise IntegrityError(f"{url}: lists no SHA-256 for `{path}`, so the packages cannot be checked")
    return found[1]


def parse_index(content: bytes, url: str) -> dict[str, Package]:
    """Read a Packages file into packages by name; of several versions the last one counts.

    IntegrityError, with `url`, if it is none.
    """
    with read_from(url, "look what answers there; it is no index of Debian's packages"):
        stanzas = (_fields(stanza) for stanza in content.decode().split("\n\n") if stanza.strip())
        return {package.name: package for package in map(_package, stanzas)}


def needed(names: Sequence[str], index: Mapping[str, Package]) -> tuple[Package, ...]:
    """Name the packages, by name, with all they depend on but what every Debian host has."""
    everywhere = _closure([name for name, package in index.items() if package.is_on_every_host], index)
    return tuple(index[name] for name in sorted(_closure(names, index) - everywhere))


def _closure(names: Iterable[str], index: Mapping[str, Package]) -> set[str]:
    providers = _providers(index)
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in index:
            raise WindlassError(f"the Debian index has no package `{name}`; correct the names in official.yaml")
        found.add(name)
        waiting.extend(_chosen(need, name, index, providers) for need in index[name].depends)
    return found


def _chosen(
    need: tuple[str, ...], wanted_by: str, index: Mapping[str, Package], providers: Mapping[str, Sequence[str]]
) -> str:
    for name in need:
        if name in index:
            return name
    for name in need:
        if name in providers:
            return providers[name][0]
    raise WindlassError(f"the Debian index has nothing for `{' | '.join(need)}`, which {wanted_by} needs")


def _providers(index: Mapping[str, Package]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(index):
        for provided in index[name].provides:
            found.setdefault(provided, []).append(name)
    return found


def _fields(stanza: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in stanza.splitlines() if line and not line.startswith((" ", "\t")))
    return {key: value.strip() for key, _, value in pairs}


def _package(fields: Mapping[str, str]) -> Package:
    needs = ", ".join(fields[key] for key in ("Pre-Depends", "Depends") if key in fields)
    return Package(
        name=fields["Package"],
        version=fields["Version"],
        path=fields["Filename"],
        sha256=fields["SHA256"],
        depends=tuple(tuple(_names(need.split("|"))) for need in needs.split(",") if need.strip()),
        provides=frozenset(_names(fields.get("Provides", "").split(","))),
        is_on_every_host=(
            fields.get("Essential") == "yes" or fields.get("Priority") == "required" or fields["Package"] in _PRESENT
        ),
    )


def _names(parts: Iterable[str]) -> list[str]:
    """Strip versions `(>= 2.34)` and qualifiers `:any` off names."""
    return [re.split(r"[\s(:]", part.strip())[0] for part in parts if part.strip()]
