"""The YAML files below a folder, read within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from windlass.errors import SpecError

MOST_FILES = 2000
MOST_BYTES = 1024 * 1024
"""Of one file, as of a spec."""
ENDINGS = (".yaml", ".yml")


def read_folder(folder: Path) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the texts of all YAML files below a folder by their paths within it, and why others cannot be read.

    What begins with a dot is left out, and so is what a link leads to elsewhere. SpecError if there is no such folder.
    """
    if not folder.is_dir():
        raise SpecError(f"{folder}: there is no such folder; give the one that the specs are in")
    root = folder.resolve()
    paths = [one for one in sorted(folder.rglob("*")) if _is_meant(one, folder, root)]
    if len(paths) > MOST_FILES:
        raise SpecError(f"{folder}: there are {len(paths)} YAML files, over {MOST_FILES}; give the folder of the specs")
    texts, wrong = {}, {}
    for one in paths:
        name = one.relative_to(folder).as_posix()
        try:
            texts[name] = _text(one)
        except (OSError, UnicodeDecodeError, SpecError) as error:
            wrong[name] = f"{one}: cannot be read: {error}"
    return texts, wrong


def _is_meant(path: Path, folder: Path, root: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix in ENDINGS and not is_hidden and path.is_file() and path.resolve().is_relative_to(root)


def _text(path: Path) -> str:
    if path.stat().st_size > MOST_BYTES:
        raise SpecError(f"it is larger than {MOST_BYTES} bytes; a spec is one short document")
    return path.read_text(encoding="utf-8")
