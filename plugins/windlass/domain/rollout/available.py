"""What a newer release brings, in words for whoever decides about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.catalog import Catalog, Release
from windlass.domain.catalog.tested import Standing, is_accepted
from windlass.operation_names import Operation


@dataclass(frozen=True)
class AvailableUpgrade:
    """One release that a cluster may move to, and what changes with it."""

    version: str
    parts: tuple[str, ...]
    """Parts whose version changes: `etcd v3.6.16 -> v3.7.3`."""
    removed: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """Say it in one line."""
        told = [f"Kubernetes {self.version} is in the catalog"]
        told += [", ".join(self.parts)] if self.parts else []
        told += [f"it no longer serves {', '.join(self.removed)}"] if self.removed else []
        told += [note.rstrip(".") for note in self.notes]
        return "; ".join([*told, f"trigger `{Operation.UPGRADE}` with version {self.version}"])

    def value(self) -> dict[str, Any]:
        """Return the offer as plain values, for the store and for pages."""
        return {
            "version": self.version,
            "parts": list(self.parts),
            "removed": list(self.removed),
            "notes": list(self.notes),
            "text": self.text,
        }


def available_upgrades(
    catalog: Catalog, running: str, standings: Mapping[str, Standing]
) -> tuple[AvailableUpgrade, ...]:
    """Return what a cluster of version `running` may move to in one step, oldest first; untested releases are none."""
    if running not in catalog.releases:
        return ()
    before = catalog.release(running)
    return tuple(
        _offer(before, release)
        for release in catalog.upgrades_of(running)
        if is_accepted(standings.get(release.version, "untested"))
    )


def _offer(before: Release, after: Release) -> AvailableUpgrade:
    old, new = {**before.files, **before.images}, {**after.files, **after.images}
    own = {before.version}
    parts = tuple(
        f"{name} {old[name]} -> {version}"
        for name, version in new.items()
        if name in old and old[name] != version and old[name] not in own
    )
    removed = tuple(f"{api.api_version} ({', '.join(api.kinds)})" for api in after.removed_apis)
    return AvailableUpgrade(after.version, parts, removed, after.notes)
