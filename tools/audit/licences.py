"""The licences of everything that is pinned, by what each package says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

PINNED = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==", re.MULTILINE)
_FREE = re.compile(
    r"\b(?:Apache|MIT|BSD|ISC|PSF|Python Software Foundation|CNRI-Python|Mozilla Public License|MPL|Unlicense)\b",
    re.IGNORECASE,
)
"""Licences that ask for no more than to be named, or for changes of their own files."""
LIBRARIES = {"paramiko", "psycopg", "psycopg-binary", "psycopg2-binary"}
"""Under the LGPL: imported as they are, never changed or linked into anything of ours."""
CHOSEN = {
    "asyncssh": "EPL-2.0: imported as it is, never changed; its metadata has no name that is known",
    "text-unidecode": "the Artistic License, of the two that it offers; a dependency of Airflow's",
}
"""Packages whose licence somebody looked up, with what was found."""


def pinned(root: Path) -> list[str]:
    """Return the names of everything that is pinned, each once."""
    names = {name.lower() for file in PINNED for name in _PIN.findall((root / file).read_text())}
    return sorted(names)


def licence_of(name: str) -> str | None:
    """Return what a package says of its licence; empty if nothing, None if it is not installed on this system."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    classified = [one.split(" :: ")[-1] for one in about.get_all("Classifier", []) if one.startswith("License ::")]
    said = about.get("License-Expression") or " | ".join(classified) or about.get("License") or ""
    return said.strip().partition("\n")[0]


def problem(name: str, licence: str) -> str:
    """Return what is wrong with a package's licence; empty if nothing is."""
    if name in CHOSEN or _FREE.search(licence) or (name in LIBRARIES and "LGPL" in licence):
        return ""
    return f"{name}: its licence is `{licence or 'not told'}`; do without it, or say in tools/audit/licences.py why not"


def problems(root: Path) -> Iterator[str]:
    """Yield what is wrong with the licence of anything that is pinned and installed here."""
    for name in pinned(root):
        licence = licence_of(name)
        if licence is not None and (wrong := problem(name, licence)):
            yield wrong
