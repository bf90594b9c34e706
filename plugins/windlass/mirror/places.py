"""Where the mirror finds its recipes and keeps its cache."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from windlass.domain.artifacts import FLAGS_FILE, Artifact
from windlass.domain.yamltext import read_yaml


def recipes_directory() -> Path:
    """Return include/mirror of this checkout; the setting WINDLASS_INCLUDE names another `include`."""
    include = os.environ.get("WINDLASS_INCLUDE")
    return (Path(include) if include else Path(__file__).parents[3] / "include") / "mirror"


def catalog_directory() -> Path:
    """Return the catalog of releases beside the recipes."""
    return recipes_directory().with_name("templates") / "kubernetes"


def lacks_flags(catalog: Path) -> bool:
    """Tell whether a release of the catalog has no record of its components' flags; it reads no file."""
    return any(not path.with_name(FLAGS_FILE).exists() for path in catalog.glob("v*/catalog.yaml"))


def cache_directory() -> Path:
    """Return the directory for what outlives the checkout: WINDLASS_CACHE, or ~/.cache/windlass."""
    configured = os.environ.get("WINDLASS_CACHE")
    return Path(configured).expanduser() if configured else Path.home() / ".cache" / "windlass"


def needed_artifacts(recipes: Path | None = None) -> tuple[Artifact, ...]:
    """Read which artifacts hosts and the lab need from artifacts.yaml, most urgent first."""
    text = ((recipes or recipes_directory()) / "artifacts.yaml").read_text(encoding="utf-8")
    listed = read_yaml(text)
    return tuple(_artifact(entry) for entry in listed)


def _artifact(entry: Mapping[str, str]) -> Artifact:
    if "file" in entry:
        return Artifact("file", entry["file"], entry["version"])
    return Artifact("image", entry["image"], entry["version"])
