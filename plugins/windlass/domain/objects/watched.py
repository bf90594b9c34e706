"""Which objects of the add-ons the watch expects in a cluster, and where their kinds are listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from windlass.domain.catalog.drivers import DriverKind
from windlass.domain.host.layout import ADDON_LABEL
from windlass.domain.rendering.manifests import AddonManifest

_PLURALS = {
    "Namespace": "namespaces",
    "CustomResourceDefinition": "customresourcedefinitions",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "StorageClass": "storageclasses",
    "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ConfigMap": "configmaps",
    "Service": "services",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Deployment": "deployments",
    "DaemonSet": "daemonsets",
    "APIService": "apiservices",
}


@dataclass(frozen=True)
class WatchedObject:
    """One object that is expected, and the path by which all labelled ones of its kind are listed."""

    addon: str
    path: str
    kind: str
    name: str
    """`namespace/name`, or the name alone where there is no namespace."""


def watched_objects(manifests: Iterable[AddonManifest], kinds: Iterable[DriverKind]) -> Iterator[WatchedObject]:
    """Yield what is expected, of `kinds` of drivers too.

    The user's own objects have no label to be found by, and are left to remediation runs.
    """
    plurals = {**_PLURALS, **{one.kind: one.plural for one in kinds}}
    for manifest in manifests:
        if not manifest.is_users and manifest.kind in plurals:
            version = str(manifest.document["apiVersion"])
            root = f"/apis/{version}" if "/" in version else f"/api/{version}"
            path = f"{root}/{plurals[manifest.kind]}?labelSelector={quote(ADDON_LABEL, safe='')}"
            name = "/".join(part for part in (manifest.namespace, manifest.name) if part)
            yield WatchedObject(manifest.addon, path, manifest.kind, name)
