"""Whether two bundles of one name are of one cluster, or of an etcd that lost its data in between and began anew.

The namespace kube-system is made once in a cluster's life: the first API server makes it in an empty etcd, nobody can
delete it, and every recovery brings it back. So its UID tells one life from another, whatever etcd's own ids are: those
follow from the members' names and from the recoveries.
"""

from __future__ import annotations

from windlass.domain.backup.ids import BundleId
from windlass.domain.backup.manifest import BundleManifest
from windlass.errors import RefusedError
from windlass.operation_names import Operation

KUBE_SYSTEM = "kube-system"


def life_of(manifest: BundleManifest) -> str:
    """Return the UID of kube-system in a bundle; empty if there was none, as in an etcd that just began."""
    return manifest.namespaces.get(KUBE_SYSTEM, "")


def revision_lost(before: BundleId, after: BundleManifest) -> str:
    """Say that etcd lost its data between two bundles, and which one has it; empty if revisions went on."""
    if before.revision <= after.content.revision:
        return ""
    return (
        f"etcd's revision went back from {before.revision} to {after.content.revision}: it has lost its data and "
        f"begun anew, or the cluster was recreated; what was there before is in bundle {before}, which "
        f"{Operation.RECOVER} takes if its id is given"
    )


def broken_off(before: BundleManifest, after: BundleManifest) -> RefusedError:
    """Return the refusal to choose between two lives of one cluster, with the way to name one."""
    return RefusedError(
        f"cluster `{after.cluster}`: bundle {after.id} is of an etcd that lost its data and began anew after bundle "
        f"{before.id} was taken: its namespace {KUBE_SYSTEM} is another one. Name one as `bundle`: {before.id} brings "
        f"back what was there before, {after.id} what has been written since"
    )
