"""The source `official`: the projects' own release downloads, packages and images."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windlass.domain.architectures import AMD64, in_order
from windlass.domain.artifacts import Artifact, Lock
from windlass.mirror.official_catalog import OfficialCatalog, load_catalog
from windlass.mirror.official_probe import unreachable_sites
from windlass.mirror.places import cache_directory, needed_artifacts, on_architectures, recipes_directory
from windlass.mirror.source import Produced, Progress

if TYPE_CHECKING:
    from windlass.mirror.download import RetryPolicy

# Raised when this module makes other bytes out of the same downloads.
_COMPOSITION = 1


@dataclass(frozen=True)
class OfficialSource:
    """Fetches artifacts from where their projects publish them, each checked by SHA-256.

    What `lock` knows must have the locked digest. What it does not know yet is trusted on first use: as the publisher's
    checksum file says, or unverified where there is none.
    """

    catalog: OfficialCatalog
    needed: tuple[Artifact, ...]
    downloads: Path
    """Keeps interrupted downloads, so that the next run continues them."""
    lock: Lock | None = None
    patience: RetryPolicy | None = None
    """How often what failed for a passing reason is tried; None for the usual."""
    architectures: tuple[str, ...] = (AMD64,)
    """Whose hosts the artifacts are for."""

    name = "official"
    workers = 4

    @cached_property
    def _problem(self) -> str | None:
        return unreachable_sites(self.catalog)

    def problem(self) -> str | None:
        """Say which of the publishers' sites cannot be used from here, None if all can; they are probed once."""
        return self._problem

    def artifacts(self) -> Sequence[Artifact]:
        """List what is needed and known to be published somewhere."""
        return tuple(filter(self.catalog.has, on_architectures(self.needed, self.architectures)))

    def recipe_hash(self, artifact: Artifact) -> str:
        """Hash where the artifact is published and what is made of it; the sites' addresses do not matter."""
        recipe: list[Any] = [_COMPOSITION, str(artifact), self.catalog.template(artifact)]
        if artifact.kind == "image" and self.architectures != (AMD64,):
            recipe.append(self.architectures)
        return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()

    def produce(self, artifact: Artifact, into: Path, progress: Progress) -> Produced:
        """Fetch `artifact` into the directory `into`; IntegrityError if it is not what its publisher or lock says."""
        from windlass.mirror.official_fetch import FetchOrder, fetch  # noqa: PLC0415 (a run without downloads must not wait)

        workspace = self.downloads / self.recipe_hash(artifact)[:16]
        workspace.mkdir(parents=True, exist_ok=True)
        locked = self.lock.artifacts.get(artifact) if self.lock else None
        order = FetchOrder(
            artifact, self.catalog.publication(artifact), workspace, into, locked, in_order(self.architectures)
        )
        produced = fetch(order, progress, self.patience)
        shutil.rmtree(workspace)
        return produced


def official_source(lock: Lock | None = None, architectures: tuple[str, ...] = (AMD64,)) -> OfficialSource:
    """Make the source as include/mirror, WINDLASS_OFFICIAL_SITES and WINDLASS_CACHE say."""
    return OfficialSource(
        catalog=load_catalog(recipes_directory() / "official.yaml"),
        needed=needed_artifacts(),
        downloads=cache_directory() / "official" / "downloads",
        lock=lock,
        architectures=architectures,
    )
