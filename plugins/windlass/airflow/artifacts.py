"""Where a cluster's hosts take binaries and images from: a mirror, or the projects' own sites."""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.parse import urlsplit

from windlass.domain.artifacts import Lock, lock_text, parse_lock
from windlass.domain.catalog import Release
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.spec.models import Cluster
from windlass.effects.mirror import fetch_lock
from windlass.effects.store import Store
from windlass.effects.store.keys import published_lock_key
from windlass.errors import SpecError
from windlass.mirror.official_catalog import load_catalog
from windlass.mirror.places import recipes_directory
from windlass.mirror.published import official_addresses, published_lock, release_artifacts

MIRROR_SETTING, REGISTRY_SETTING = "WINDLASS_MIRROR", "WINDLASS_REGISTRY"
_REGISTRY_PORT = 5000


def artifacts_of(cluster: Cluster, release: Release, store: Store) -> tuple[Lock, MirrorAddresses]:
    """Return where hosts get a release's artifacts, and the digests that they check.

    Which of the two follows from spec and settings alone, never from what answers at the moment: other sources have
    other bytes, and every container would be recreated. SpecError if the spec wants a mirror and none is named.
    """
    mirror = mirror_of(cluster)
    if mirror is not None:
        return fetch_lock(mirror.files), mirror
    catalog = load_catalog(recipes_directory() / "official.yaml")
    artifacts = release_artifacts(release)
    lock = _kept_lock(store, release.version, lambda: published_lock(catalog, artifacts))
    return lock, official_addresses(catalog, artifacts)


def mirror_of(cluster: Cluster) -> MirrorAddresses | None:
    """Return the mirror that the cluster's hosts use: the spec's, or the one of the settings; None: official sites.

    WINDLASS_MIRROR is the base URL of the files; WINDLASS_REGISTRY is host:port of the registry, by default the
    mirror's host at port 5000.
    """
    artifacts = cluster.spec.artifacts
    files = artifacts.mirror or os.environ.get(MIRROR_SETTING)
    if artifacts.source == "official" or (artifacts.source == "auto" and not files):
        return None
    if not files:
        raise SpecError(
            "spec.artifacts: hosts take everything from a mirror, and none is named; fill one with `windlass mirror`, "
            f"serve it, and give its URL as `mirror` or in {MIRROR_SETTING}; or say `from: official`"
        )
    registry = artifacts.registry or (None if artifacts.mirror else os.environ.get(REGISTRY_SETTING))
    return MirrorAddresses(files.rstrip("/"), registry or f"{urlsplit(files).hostname}:{_REGISTRY_PORT}")


def _kept_lock(store: Store, version: str, ask: Callable[[], Lock]) -> Lock:
    """Return the digests that the publishers gave when they were first asked: from then on they hold for all hosts."""
    key = published_lock_key(version)
    kept = store.get(key)
    if kept is None:
        # Whoever asked at the same time and was first counts.
        store.create(key, lock_text(ask()).encode())
        kept = store.get(key)
    if kept is None:
        raise SpecError(f"the store does not keep {key}; look at its rights")
    return parse_lock(kept.data.decode())
