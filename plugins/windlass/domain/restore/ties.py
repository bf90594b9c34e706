"""What ties an object to others: its addresses, its volume, its owners; each is kept where that still holds."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from windlass.domain.restore.beside import Identity, LiveObjects, addresses_of, owner_identities, owners_of
from windlass.domain.restore.wanted_parts import ADDRESSES, VOLUME, Object, is_headless, put_at, value_at

_MADE_BY_OWNERS = frozenset({"Pod", "ReplicaSet", "Job", "ControllerRevision", "EndpointSlice"})
"""Kinds that the controllers of Kubernetes make of the objects that own them."""
_CONTROLLERS = frozenset(
    {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController"}
)


def with_addresses(made: Object, found: Mapping[str, Any], taken: Collection[str]) -> str:
    """Give a new Service the addresses and ports that it had, unless another has one of them; say what it loses."""
    if is_headless(found) or made["kind"] != "Service" or "/" in str(made["apiVersion"]):
        return ""
    lost = sorted(one.removeprefix(":") for one in addresses_of(found) & set(taken))
    if lost:
        return f"another Service has {', '.join(lost)}: it gets new addresses and ports"
    for path in ADDRESSES:
        if (value := value_at(found, path)) is not None:
            put_at(made, path, value)
    for port, before in zip(made["spec"].get("ports") or (), found["spec"].get("ports") or (), strict=True):
        if before.get("nodePort"):
            port["nodePort"] = before["nodePort"]
    return ""


def with_volume(made: Object, found: Mapping[str, Any], live: LiveObjects) -> tuple[str, str]:
    """Bind a new claim to the volume that it had; a note where that is gone, and why it cannot come back."""
    name = value_at(found, VOLUME)
    if (made["kind"], str(made["apiVersion"])) != ("PersistentVolumeClaim", "v1") or not name:
        return "", ""
    volume = live.find(("", "PersistentVolume", "", name))
    if volume is None:
        return f"its volume {name} is gone: it gets a new one, which is empty (bundles hold no data of volumes)", ""
    claim = value_at(volume, ("spec", "claimRef")) or {}
    own = found["metadata"]
    if claim and (claim.get("namespace"), claim.get("name")) != (own.get("namespace"), own["name"]):
        return "", f"its volume {name} is {claim.get('namespace')}/{claim.get('name')}'s now"
    if claim.get("uid"):
        why = (
            f"its volume {name} is kept for the claim of this name that is gone; free it: kubectl patch pv {name} "
            """--type json -p '[{"op": "remove", "path": "/spec/claimRef/uid"}]'"""
        )
        return "", why
    put_at(made, VOLUME, name)
    return "", ""


def made_by_owner(found: Mapping[str, Any], known: Collection[Identity]) -> str:
    """Return which owner makes the object again by itself, of those that live or come back; empty if none does."""
    for owner in owners_of(found):
        is_maker = owner.get("controller") and owner["kind"] in _CONTROLLERS and found["kind"] in _MADE_BY_OWNERS
        if is_maker and any(one in known for one in owner_identities(found, owner)):
            return f"{owner['kind']} {owner['name']}"
    return ""


def with_owners(
    made: Object, found: Mapping[str, Any], live: LiveObjects, coming: Collection[Identity]
) -> tuple[tuple[Identity, ...], str]:
    """Refer to the owners as they live now; those whose UID is only known once they are made, and what is lost.

    Whoever has owners of whom none lives is deleted by the garbage collector.
    """
    awaited, kept, gone = [], [], []
    for owner in owners_of(found):
        identities = owner_identities(found, owner)
        lives = next((one for one in map(live.find, identities) if one is not None), None)
        comes = next((one for one in identities if one in coming), None)
        if lives is not None:
            kept.append({**copy.deepcopy(dict(owner)), "uid": lives["metadata"]["uid"]})
        elif comes is not None:
            kept.append(copy.deepcopy(dict(owner)))
            awaited.append(comes)
        else:
            gone.append(f"{owner['kind']} {owner['name']}")
    made["metadata"].pop("ownerReferences", None)
    if kept:
        made["metadata"]["ownerReferences"] = kept
    if gone and not kept:
        return (), f"its owner {', '.join(gone)} is gone, and it would be deleted with it: bring that back first"
    return tuple(awaited), ""


def with_owner_uids(document: Mapping[str, Any], uids: Mapping[Identity, str]) -> Object:
    """Return a document that refers to its owners by the UIDs that they were just made with."""
    made = copy.deepcopy(dict(document))
    for owner in made["metadata"].get("ownerReferences") or ():
        owner["uid"] = next((uids[one] for one in owner_identities(made, owner) if one in uids), owner.get("uid"))
    return made
