"""Where a cluster's hosts take binaries and images from: a mirror, or the projects' own sites."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from urllib.parse import urlsplit

from windlass.domain.addresses import host_port
from windlass.domain.architectures import AMD64, in_order
from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.catalog import Release
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec.drivers import driver_choices
from windlass.domain.spec.models import Cluster
from windlass.effects.store import Store
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.errors import SpecError
from windlass.mirror.acceptance import accepted_lock
from windlass.mirror.architecture_choice import configured
from windlass.mirror.official_catalog import OfficialCatalog, load_catalog
from windlass.mirror.official_probe import unreachable_sites
from windlass.mirror.places import recipes_directory
from windlass.mirror.published import official_addresses, published_lock, release_artifacts
from windlass.mirror.published_kept import kept_published_lock

MIRROR_SETTING, REGISTRY_SETTING = "WINDLASS_MIRROR", "WINDLASS_REGISTRY"
_REGISTRY_PORT = 5000


def artifacts_of(
    load_keys: Callable[[], MasterKeys], cluster: Cluster, release: Release, store: Store
) -> tuple[Lock, MirrorAddresses]:
    """Return where hosts get a release's artifacts, and the digests that they check, which somebody accepted.

    Which of the two follows from spec and settings alone, never from what answers at the moment: other sources have
    other bytes, and every container would be recreated. SpecError if the spec wants a mirror and none is named;
    RefusedError if nobody has accepted the mirror's lock.
    """
    mirror, locks = mirror_of(cluster), AcceptedLocks(store, load_keys())
    if mirror is not None:
        return accepted_lock(locks, mirror.files), mirror
    catalog = load_catalog(recipes_directory() / "official.yaml")
    # Nobody is asked for the image of a stack or driver that the spec does not pick.
    architectures = in_order((AMD64, *configured()))
    drivers = release.drivers.loaded
    picked = [drivers[one.slot, one.name] for one in driver_choices(cluster) if (one.slot, one.name) in drivers]
    artifacts = release_artifacts(release, [one.name for one in cluster.stacks], architectures, picked)
    ask = partial(_asked, cluster, catalog)
    lock = kept_published_lock(locks, release.version, artifacts, ask)
    # Stacks of one's own may run what no publisher is known of: that is for clusters that pick them.
    return lock, official_addresses(
        catalog,
        [
            one
            for one in release_artifacts(release, release.stacks, architectures, picked)
            if one in artifacts or catalog.has(one)
        ],
    )


def _asked(cluster: Cluster, catalog: OfficialCatalog, artifacts: Iterable[Artifact]) -> Lock:
    """Ask the publishers; SpecError within seconds where nobody chose them and they cannot be reached."""
    if cluster.spec.artifacts.source == "auto" and (problem := unreachable_sites(catalog)):
        raise SpecError(
            "spec.artifacts: nothing names a mirror, so that hosts would take everything from the projects' own sites, "
            f"and these cannot be reached from here ({problem.partition('; ')[0]}); give the mirror's URL as "
            f"spec.artifacts.mirror, or set {MIRROR_SETTING} for Airflow; or say `from: official`, and wait for them"
        )
    return published_lock(catalog, artifacts)


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
    return MirrorAddresses(files.rstrip("/"), registry or host_port(urlsplit(files).hostname or "", _REGISTRY_PORT))
