"""What comes along with the package: DAG files, the catalog with its templates, the mirror's recipes.

In a wheel they are folders of the package; in a checkout they stand at its top, where people look for them. It imports
nothing but the standard library's, since every command's help asks it.
"""

from __future__ import annotations

import os
from pathlib import Path

INCLUDE = "WINDLASS_INCLUDE"
"""Setting: another `include`, such as a copy with releases of one's own."""
_PACKAGE = Path(__file__).resolve().parents[1]


def include_directory() -> Path:
    """Return the directory with templates/, mirror/ and clusters/; the setting WINDLASS_INCLUDE names another one."""
    configured = os.environ.get(INCLUDE)
    return Path(configured).expanduser() if configured else find_part(_PACKAGE, "include")


def catalog_directory() -> Path:
    """Return the directory with one directory per Kubernetes release."""
    return include_directory() / "templates" / "kubernetes"


def dags_directory() -> Path:
    """Return the directory of Windlass's DAG files."""
    return find_part(_PACKAGE, "dags")


def find_part(package: Path, name: str) -> Path:
    """Return what comes along as `name` with the package in that directory: within it, else at the checkout's top."""
    within = package / name
    return within if within.is_dir() else package.parents[1] / name
