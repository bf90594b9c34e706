"""Where the mirror finds its recipes and keeps its cache."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from windlass.domain.architectures import AMD64, architecture_of
from windlass.domain.artifacts import FLAGS_FILE, Artifact
from windlass.domain.yamltext import read_yaml
from windlass.effects.packaged import include_directory


def recipes_directory() -> Path:
    """Return the directory of recipes, beside the catalog's templates."""
    return include_directory() / "mirror"


def lacks_flags(catalog: Path) -> bool:
    """Tell whether a release of the catalog has no record of its components' flags; it reads no file."""
    return any(not path.with_name(FLAGS_FILE).exists() for path in catalog.glob("v*/catalog.yaml"))


def cache_directory() -> Path:
    """Return the directory for what outlives the checkout: WINDLASS_CACHE, or ~/.cache/windlass."""
    configured = os.environ.get("WINDLASS_CACHE")
    return Path(configured).expanduser() if configured else Path.home() / ".cache" / "windlass"


def own_architecture() -> str:
    """Return the architecture of this machine."""
    return architecture_of(platform.machine())


def is_own_registry(artifact: Artifact) -> bool:
    """Tell whether `artifact` is the registry that runs here: images go through it, and it serves them."""
    return artifact == Artifact("file", "registry", artifact.version, own_architecture())


def on_architectures(artifacts: Iterable[Artifact], architectures: Sequence[str]) -> Iterator[Artifact]:
    """Give what a mirror for `architectures` has of what is needed: a file for each of them, and its own registry."""
    for artifact in artifacts:
        own = [one for one in (artifact.on(own_architecture()),) if is_own_registry(one)]
        yield from dict.fromkeys((*own, *map(artifact.on, architectures)))


def needed_artifacts(recipes: Path | None = None) -> tuple[Artifact, ...]:
    """Read which artifacts hosts and the lab need from artifacts.yaml, most urgent first."""
    text = ((recipes or recipes_directory()) / "artifacts.yaml").read_text(encoding="utf-8")
    listed = read_yaml(text)
    return tuple(_artifact(entry) for entry in listed)


def by_choice(
    artifacts: Iterable[Artifact], has: Callable[[Artifact], bool], recipes: Path | None = None
) -> Sequence[Artifact]:
    """Leave out what is optional, unless the mirror `has` it already: a first fill takes no longer for it."""
    text = ((recipes or recipes_directory()) / "artifacts.yaml").read_text(encoding="utf-8")
    optional = {_artifact(entry) for entry in read_yaml(text) if entry.get("optional")}
    return tuple(one for one in artifacts if one.on(AMD64) not in optional or has(one))


def _artifact(entry: Mapping[str, Any]) -> Artifact:
    if "file" in entry:
        return Artifact("file", entry["file"], entry["version"])
    return Artifact("image", entry["image"], entry["version"])
