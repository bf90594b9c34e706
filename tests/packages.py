"""Packages for tests, installed in a folder of their own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


def install(
    folder: Path, patch: pytest.MonkeyPatch, name: str, *, group: str, entries: Mapping[str, str], code: str = ""
) -> None:
    """Install the package `name`, of one module with that name, whose entry points are `entries` by their names."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{entry} = {value}\n" for entry, value in entries.items()]
    (about / "entry_points.txt").write_text(f"[{group}]\n{''.join(lines)}")
    (folder / f"{name}.py").write_text(code)
    patch.syspath_prepend(folder)
    # As if it had never been imported, before and after.
    patch.setitem(sys.modules, name, None)
    del sys.modules[name]
