"""The objects of the cluster: what Windlass runs in it for everyone, then the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Release
from windlass.domain.catalog.driver_files import is_manifest
from windlass.domain.catalog.drivers import SLOTS
from windlass.domain.catalog.parsing import TEMPLATE_SUFFIX
from windlass.domain.host.layout import ADDON_LABEL, TRUST_ANNOTATION
from windlass.domain.objects.inventory import FIELD_MANAGER, MANAGED_BY_LABEL, OWN_ADDON
from windlass.domain.oneline import line_breaker
from windlass.domain.pki.bindings import group_bindings
from windlass.domain.rendering.context import ClusterInputs
from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.spec.drivers import PickedDriver, observed_kinds, picked_drivers
from windlass.domain.spec.models import Cluster
from windlass.domain.yamltext import parse_yaml
from windlass.errors import SpecError

_MANAGED_BY = {MANAGED_BY_LABEL: FIELD_MANAGER}
_WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")
SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")
_EARLY_KINDS = ("Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "ServiceAccount")
"""Kinds that others need to be there first."""


@dataclass(frozen=True)
class AddonManifest:
    """One object to apply: server-side, by the field manager `windlass`."""

    addon: str
    """What it belongs to: `network`, `dns` and so on; `own/NAME` for one of the spec's manifests."""
    document: Mapping[str, Any]

    @property
    def is_users(self) -> bool:
        """Tell whether it is one of the spec's own manifests."""
        return self.addon.startswith(f"{OWN_ADDON}/")

    @property
    def kind(self) -> str:
        """Kind of the object."""
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        """Name of the object."""
        return str(self.document["metadata"]["name"])

    @property
    def namespace(self) -> str | None:
        """Namespace of the object; None where it has none."""
        namespace = self.document["metadata"].get("namespace")
        return None if namespace is None else str(namespace)

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


def render_manifests(cluster: Cluster, release: Release, lock: Lock, mirror: MirrorAddresses) -> list[AddonManifest]:
    """Return every object of the cluster in the order in which to apply them; the user's own come last.

    A driver `none` gives nothing. SpecError if a template or one of the user's manifests is wrong, IntegrityError if
    the lock lacks an image.
    """
    inputs = ClusterInputs(cluster, release, lock, mirror)
    observed = observed_kinds(cluster, release.drivers)
    ours = [_ours("access", document) for document in parse_yaml("group bindings", group_bindings(observed))]
    for picked in picked_drivers(cluster, release.drivers):
        ours += _of_driver(picked, inputs)
    return [*_ordered([*ours, *_default_accounts(ours)]), *own_manifests(cluster)]


def _of_driver(picked: PickedDriver, inputs: ClusterInputs) -> Iterator[AddonManifest]:
    """Yield the objects of a driver: those of each of its manifests, in the order of their names."""
    driver = picked.driver
    seen = replace(inputs, release=inputs.release.for_driver(driver))
    context = {**seen.context(), "values": picked.answers}
    for file in sorted(filter(is_manifest, driver.templates)):
        name = f"{driver.directory}/{file.removesuffix(TEMPLATE_SUFFIX)}"
        text = inputs.templates.render(name, context)
        yield from (_ours(SLOTS[driver.slot], document) for document in parse_yaml(f"{name} as rendered", text))


def _default_accounts(ours: Sequence[AddonManifest]) -> Iterator[AddonManifest]:
    """Yield the accounts that pods have which name none: of no namespace of ours does one get a token.

    Kubernetes makes them by itself; only the one setting is ours. Namespaces of users are theirs, and so is `default`.
    """
    added = [(one.addon, one.name) for one in ours if one.kind == "Namespace"]
    for addon, namespace in (*(("access", name) for name in SYSTEM_NAMESPACES), *added):
        metadata = {"name": "default", "namespace": namespace}
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        yield _ours(addon, {**account, "automountServiceAccountToken": False})


def with_authority(manifest: AddonManifest, mark: str) -> AddonManifest:
    """Return one of Windlass's own manifests with the mark of the authorities that its pods are to have read.

    When the mark changes its pods are replaced. An empty mark, and objects without pods, change nothing.
    """
    template = manifest.document.get("spec", {}).get("template") if manifest.kind in _WORKLOADS else None
    if not mark or template is None or manifest.is_users:
        return manifest
    metadata = template.get("metadata", {})
    marked = {**metadata, "annotations": {**metadata.get("annotations", {}), TRUST_ANNOTATION: mark}}
    spec = {**manifest.document["spec"], "template": {**template, "metadata": marked}}
    return replace(manifest, document={**manifest.document, "spec": spec})


def _ours(addon: str, document: Mapping[str, Any]) -> AddonManifest:
    metadata = document["metadata"]
    labels = {**metadata.get("labels", {}), **_MANAGED_BY, ADDON_LABEL: addon}
    return AddonManifest(addon, {**document, "metadata": {**metadata, "labels": labels}})


def _ordered(manifests: Sequence[AddonManifest]) -> list[AddonManifest]:
    """Put what others need first, and objects of kinds that are defined here last."""
    defined = {
        manifest.document["spec"]["names"]["kind"]
        for manifest in manifests
        if manifest.kind == "CustomResourceDefinition"
    }

    def rank(manifest: AddonManifest) -> int:
        if manifest.kind in _EARLY_KINDS:
            return _EARLY_KINDS.index(manifest.kind)
        return len(_EARLY_KINDS) + (manifest.kind in defined)

    return sorted(manifests, key=rank)


def own_manifests(cluster: Cluster) -> Iterator[AddonManifest]:
    """Yield the user's own objects; SpecError if one of the manifests holds something else."""
    for manifest in cluster.spec.manifests:
        where = f"spec.manifests: `{manifest.name}`"
        for document in parse_yaml(where, manifest.content):
            _check_object(where, document)
            yield AddonManifest(f"{OWN_ADDON}/{manifest.name}", document)


def _check_object(where: str, document: Any) -> None:
    metadata = document.get("metadata") if isinstance(document, dict) else None
    if not isinstance(metadata, dict) or not {"apiVersion", "kind"} <= set(document) or "name" not in metadata:
        raise SpecError(f"{where}: a document is no Kubernetes object; it needs apiVersion, kind and metadata.name")
    for key in ("apiVersion", "kind"):
        _check_line(where, key, document[key])
    for key in ("name", "namespace"):
        _check_line(where, f"metadata.{key}", metadata.get(key))


def _check_line(where: str, key: str, value: Any) -> None:
    """Raise unless what names an object is one line: names stand in orders to hosts, in reports and in logs."""
    if found := line_breaker(str(value)):
        raise SpecError(f"{where}: {key} of an object has {found} in it; Kubernetes has no such names, write another")
