"""Observe the objects of a cluster: what is desired, what the inventory knows, and how the two differ from what is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from windlass.domain.objects.drift import ObjectDrift, object_drift
from windlass.domain.objects.inventory import (
    FIELD_MANAGER,
    INVENTORY_REF,
    MANAGED_BY_LABEL,
    NAME,
    NAMESPACE,
    ObjectInventory,
    ObjectRef,
    prune_list,
    why_kept,
)
from windlass.domain.rendering import AddonManifest, render_manifests
from windlass.domain.rendering.left_hosts import NAME as LEFT_HOSTS
from windlass.domain.rendering.manifests import with_authority
from windlass.domain.spec.references import MANIFESTS
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.effects.ssh.fan_out import fan_out
from windlass.errors import IntegrityError
from windlass.operations.cluster import ClusterSession

CONFIG_MAPS = Resource("v1", "configmaps", namespaced=True)
_AT_ONCE = 8
_KINDS = (
    ("v1", "Namespace"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "DaemonSet"),
    ("apiregistration.k8s.io/v1", "APIService"),
)
"""Every kind that add-ons of any release have had besides those of drivers, in the order in which they are applied."""


@dataclass(frozen=True)
class SurplusObject:
    """An object that was applied and is desired no more, as it is."""

    ref: ObjectRef
    uid: str
    why_kept: str
    """Why it must not be pruned; empty if it is to be."""


@dataclass(frozen=True)
class ObservedObjects:
    """The objects of a cluster, desired and actual."""

    manifests: tuple[AddonManifest, ...]
    drifts: tuple[ObjectDrift | None, ...]
    """How the object of each manifest differs, in the order of the manifests; None where it does not."""
    surplus: tuple[SurplusObject, ...]
    """In the order in which to prune them."""
    inventory: ObjectInventory
    """What is known to have been applied, by whatever tells so."""
    stored: ObjectInventory | None
    """The inventory as the cluster keeps it; None where it keeps none that can be read."""

    @property
    def desired(self) -> tuple[ObjectRef, ...]:
        """Return what the inventory should hold, and nothing besides."""
        return tuple(map(ref_of, self.manifests))

    @property
    def differing(self) -> tuple[ObjectDrift, ...]:
        """Return what to apply."""
        return tuple(drift for drift in self.drifts if drift is not None)

    @property
    def all_drift(self) -> tuple[ObjectDrift, ...]:
        """Return all that an apply would change, the inventory itself included."""
        surplus = [ObjectDrift(one.ref, "surplus") for one in self.surplus if not one.why_kept]
        return (*self.differing, *surplus, *self._of_inventory())

    def _of_inventory(self) -> Iterator[ObjectDrift]:
        if self.stored is None:
            yield ObjectDrift(INVENTORY_REF, "missing", note="it is made from what is found by labels")
        elif self.stored.objects != self.desired:
            yield ObjectDrift(INVENTORY_REF, "differs", note="it follows the objects that are applied and pruned")


def ref_of(manifest: AddonManifest) -> ObjectRef:
    """Return the reference to the object of a manifest."""
    return ObjectRef.of(manifest.document, manifest.addon)


def observe_objects(
    session: ClusterSession, client: KubernetesClient, before: ClusterSession | None = None
) -> ObservedObjects:
    """Compare every object that the spec picks with what is there; nothing is changed.

    `before` is what was applied last: a cluster that an older Windlass has made has no inventory, and its spec tells
    which of the user's own objects were applied.
    """
    rendered = render_manifests(session.revealed(MANIFESTS), session.release, session.lock, session.mirror)
    manifests = tuple(with_authority(one, session.pods_trust) for one in rendered)
    stored = read_inventory(client)
    inventory = stored or _adopted(client, before or session)
    numbered = dict(enumerate(manifests))
    found = fan_out(numbered, lambda number: _drift(session, client, numbered[number]), max_workers=_AT_ONCE)
    surplus = prune_list(inventory, map(ref_of, manifests))
    actual = fan_out(surplus, lambda ref: _surplus(client, ref), max_workers=_AT_ONCE)
    return ObservedObjects(
        manifests,
        tuple(outcome.get() for outcome in found.values()),
        tuple(one for outcome in actual.values() if (one := outcome.get()) is not None),
        inventory,
        stored,
    )


def _drift(session: ClusterSession, client: KubernetesClient, manifest: AddonManifest) -> ObjectDrift | None:
    ref, desired = ref_of(manifest), dict(manifest.document)
    resource = client.find_resource(ref.api_version, ref.kind)
    # A kind that is not served is one that an object before it defines.
    actual = client.get(resource, ref.name, ref.namespace or None) if resource else None
    applied = desired if actual is None else client.try_apply(desired)
    return object_drift(ref, actual, applied, session.fingerprint)


def _surplus(client: KubernetesClient, ref: ObjectRef) -> SurplusObject | None:
    resource = client.find_resource(ref.api_version, ref.kind)
    actual = client.get(resource, ref.name, ref.namespace or None) if resource else None
    if actual is None or actual["metadata"].get("deletionTimestamp"):
        return None
    return SurplusObject(ref, str(actual["metadata"].get("uid", "")), why_kept(actual))


def read_inventory(client: KubernetesClient) -> ObjectInventory | None:
    """Return the inventory that the cluster keeps; None if it keeps none, or none that can be read."""
    found = client.get(CONFIG_MAPS, NAME, NAMESPACE)
    try:
        return None if found is None else ObjectInventory.read(found)
    except IntegrityError:
        return None


def _adopted(client: KubernetesClient, before: ClusterSession) -> ObjectInventory:
    """Return what an older Windlass has applied: by its labels, and of the user's own objects by the spec of then."""
    users = [
        ref_of(one)
        for one in render_manifests(before.cluster, before.release, before.lock, before.mirror)
        if one.is_users
    ]
    drivers = before.release.drivers.loaded.values()
    of_drivers = [(kind.api_version, kind.kind) for driver in drivers for kind in driver.kinds]
    return ObjectInventory().exact((*_labelled(client, (*_KINDS, *of_drivers)), *users))


def _labelled(client: KubernetesClient, kinds: Sequence[tuple[str, str]]) -> Iterable[ObjectRef]:
    selector = f"{MANAGED_BY_LABEL}={FIELD_MANAGER}"

    def listed(kind: tuple[str, str]) -> list[ObjectRef]:
        resource = client.find_resource(*kind)
        found = client.list(resource, selector=selector) if resource else []
        return [ObjectRef.of({"apiVersion": kind[0], "kind": kind[1], **one}) for one in found]

    outcomes = fan_out(kinds, listed, max_workers=_AT_ONCE)
    refs = [ref for outcome in outcomes.values() for ref in outcome.get()]
    # What denies nodes of hosts that left is of a kind that add-ons have too, and no add-on's.
    found = (ref for ref in refs if not ref.is_protected and ref.name != LEFT_HOSTS)
    return [replace(ref, addon=ref.addon or "unknown") for ref in found]
