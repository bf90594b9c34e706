"""The inventory: which objects Windlass has applied, so that those which left the spec are found and pruned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from windlass.domain.bounded import shown
from windlass.domain.host.layout import ADDON_LABEL
from windlass.errors import MALFORMED, IntegrityError

FIELD_MANAGER = "windlass"
"""By which the API server knows whose fields are whose."""
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
NAMESPACE = "kube-system"
NAME = "windlass-inventory"
OWN_ADDON = "own"
_OBJECTS, _ENCRYPTION = "objects", "secretsEncryption"
_SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "default"})


@dataclass(frozen=True)
class ObjectRef:
    """One object of the cluster, and the add-on that it belongs to."""

    api_version: str
    kind: str
    namespace: str
    """Empty where it has none."""
    name: str
    addon: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any], addon: str = "") -> ObjectRef:
        """Return the reference to an object; without `addon` its label tells what it belongs to."""
        metadata = document["metadata"]
        return cls(
            str(document["apiVersion"]),
            str(document["kind"]),
            str(metadata.get("namespace") or ""),
            str(metadata["name"]),
            addon or str((metadata.get("labels") or {}).get(ADDON_LABEL, "")),
        )

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What tells it from all others: an object is the same in each version of its API group."""
        group = self.api_version.rpartition("/")[0]
        return group, self.kind, self.namespace, self.name

    @property
    def is_users(self) -> bool:
        """Whether it is of one of the spec's own manifests."""
        return self.addon.startswith(f"{OWN_ADDON}/")

    @property
    def is_protected(self) -> bool:
        """Whether it is never pruned, whoever applied it."""
        if self.kind == "Node" or (self.kind == "Namespace" and self.name in _SYSTEM_NAMESPACES):
            return True
        return (self.kind, self.namespace, self.name) == ("ConfigMap", NAMESPACE, NAME)

    def __str__(self) -> str:
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"


INVENTORY_REF = ObjectRef("v1", "ConfigMap", NAMESPACE, NAME, "inventory")


@dataclass(frozen=True)
class ObjectInventory:
    """What Windlass has applied, in the order in which it did, and how the stored Secrets were last written."""

    objects: tuple[ObjectRef, ...] = ()
    secrets_encryption: str = ""
    """Digest of the encryption configuration under which all Secrets were written; empty if nobody knows."""

    def union(self, desired: Iterable[ObjectRef]) -> ObjectInventory:
        """Return the inventory with all of `desired`: what was known before them and stays comes after them."""
        wanted = tuple(desired)
        identities = {ref.identity for ref in wanted}
        return replace(self, objects=(*wanted, *(ref for ref in self.objects if ref.identity not in identities)))

    def exact(self, objects: Iterable[ObjectRef]) -> ObjectInventory:
        """Return the inventory with these objects and no others."""
        return replace(self, objects=tuple(objects))

    def document(self) -> dict[str, Any]:
        """Return the ConfigMap that keeps it, one object a line."""
        lines = ",\n".join(json.dumps(asdict(ref)) for ref in self.objects)
        labels = {MANAGED_BY_LABEL: FIELD_MANAGER, ADDON_LABEL: INVENTORY_REF.addon}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
            "data": {_OBJECTS: f"[{lines}]", _ENCRYPTION: self.secrets_encryption},
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> ObjectInventory:
        """Read what `document` gave; IntegrityError if somebody has made something else of it."""
        try:
            data = document.get("data") or {}
            objects = tuple(ObjectRef(**entry) for entry in json.loads(data[_OBJECTS]))
            return cls(objects, str(data.get(_ENCRYPTION, "")))
        except MALFORMED as error:
            raise IntegrityError(
                f"ConfigMap {NAMESPACE}/{NAME} is not readable ({shown(error)}); delete it, and the objects that "
                "Windlass has applied are found by their labels"
            ) from error


def prune_list(inventory: ObjectInventory, desired: Iterable[ObjectRef]) -> tuple[ObjectRef, ...]:
    """Return what was applied and is desired no more, in the order in which to delete it.

    That is the reverse of how it was applied, then namespaces, which take all that is in them along, and last of all
    the definitions of kinds, which take every object of their kind along.
    """
    kept = {ref.identity for ref in desired}
    surplus = [ref for ref in inventory.objects if ref.identity not in kept and not ref.is_protected]
    surplus.reverse()
    return tuple(sorted(surplus, key=_phase))


def _phase(ref: ObjectRef) -> int:
    return {"Namespace": 1, "CustomResourceDefinition": 2}.get(ref.kind, 0)


def why_kept(actual: Mapping[str, Any]) -> str:
    """Return why an object must not be pruned, as its own managed fields say; empty if it may be.

    Whoever applies an object too owns it from then on; one that Windlass applies no more is none of its objects.
    """
    appliers = [
        str(entry.get("manager"))
        for entry in actual["metadata"].get("managedFields") or ()
        if entry.get("operation") == "Apply" and not entry.get("subresource")
    ]
    others = sorted(set(appliers) - {FIELD_MANAGER})
    if FIELD_MANAGER not in appliers:
        return f"{_named(others)} manages it now" if others else "Windlass does not manage it any more"
    return f"{_named(others)} applies it too" if others else ""


def _named(managers: Sequence[str]) -> str:
    return ", ".join(f"`{one}`" for one in managers)
