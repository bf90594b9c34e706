"""Put a driver or a stack of somebody's into a catalog: whole, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from windlass.errors import RefusedError, SpecError


def copy_into(source: Path, target: Path) -> None:
    """Copy a directory to where none is yet.

    RefusedError if something is there, SpecError if a link is in it, which could lead anywhere.
    """
    if target.exists() or target.is_symlink():
        raise RefusedError(f"{target} is there already; nothing was copied: take it away, or rename {source}")
    links = [path for path in (source, *source.rglob("*")) if path.is_symlink()]
    if links:
        raise SpecError(f"{links[0]} is a link; nothing was copied: put what it leads to in its place")
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=".new-") as staged:
        made = Path(staged) / target.name
        shutil.copytree(source, made)
        made.rename(target)
