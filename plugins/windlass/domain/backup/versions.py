"""Which releases wrote what a bundle holds, and which can open it: etcd and API servers read nothing that is newer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from windlass.domain.backup.manifest import BundleManifest
from windlass.domain.catalog import Catalog, Release
from windlass.domain.catalog.release import version_numbers
from windlass.domain.host.layout import VERSION_LABEL, stack_directory
from windlass.domain.yamltext import read_yaml
from windlass.errors import MALFORMED, RefusedError, SpecError
from windlass.operation_names import Operation

_API_SERVERS = f"{stack_directory('control-plane')}/compose.yaml"
_API_SERVER = "kube-apiserver"


def written_by(running: str, stacks: Mapping[str, Mapping[str, bytes]]) -> str:
    """Return the newest Kubernetes version that may have written what etcd holds.

    That is what the spec has (`running`), or the newest of what the API servers on the hosts are to run: in a rollout
    some are newer than the stored spec.
    """
    found = (_api_server(files[_API_SERVERS]) for files in stacks.values() if _API_SERVERS in files)
    return max([running, *(version for version in found if version)], key=version_numbers)


def _api_server(compose: bytes) -> str:
    """Return the version that a Compose file says of the API server; empty if it says none."""
    try:
        document: Any = read_yaml(compose.decode())
        version = str(document["services"][_API_SERVER]["labels"][VERSION_LABEL])
        version_numbers(version)
    except (yaml.YAMLError, SpecError, *MALFORMED):
        return ""
    return version


def can_open(release: Release, manifest: BundleManifest) -> bool:
    """Whether the release's etcd opens the bundle's data: that of its own minor release or an older one."""
    return version_numbers(release.images["etcd"])[:2] >= version_numbers(f"v{manifest.etcd.version}")[:2]


def check_etcd(release: Release, manifest: BundleManifest, older: Iterator[BundleManifest]) -> None:
    """RefusedError, with the ways that there are, if the bundle is of a newer etcd than the release's.

    `older` are the bundles before it, newest first; it is read only as far as the first that the release can open.
    """
    if can_open(release, manifest):
        return
    before = next((one.id for one in older if can_open(release, one)), None)
    named = f"name the newest bundle that it can open, {before}, as `bundle`" if before else "there is no older bundle"
    raise RefusedError(
        f"bundle {manifest.id} holds data of etcd v{manifest.etcd.version}, and Kubernetes {release.version} comes "
        f"with etcd {release.images['etcd']}, which cannot open that: it was taken during an upgrade. "
        f"Nothing was changed. Recover with the release that was being rolled out: trigger {Operation.RECOVER} with a "
        f"`spec` of that version and without `restore_versions`; or, to lose what was written since, {named}"
    )


def release_for(catalog: Catalog, manifest: BundleManifest) -> Release:
    """Return the release to try a bundle with: the one that it is labelled with, or the oldest after it that opens it.

    One taken during an upgrade may be of a newer etcd than its release's. RefusedError if the catalog has none.
    """
    labelled = catalog.release(manifest.kubernetes_version)
    for release in (labelled, *catalog.upgrades_of(labelled.version)):
        if can_open(release, manifest):
            return release
    raise RefusedError(
        f"bundle {manifest.id} holds data of etcd v{manifest.etcd.version}, and no release that may follow "
        f"{labelled.version} comes with that; add one with `windlass catalog add`"
    )
