"""What becomes of each object of a bundle that somebody wants back: made, put back, left as it lives, or not possible.

What lives is never touched unless that was asked for, and what does not differ never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from windlass.domain.objects.drift import FieldDifference, field_differences
from windlass.domain.objects.inventory import ObjectRef
from windlass.domain.restore.beside import Identity, LiveObjects, addresses_of, owner_identities, owners_of
from windlass.domain.restore.left_out import why_left_out
from windlass.domain.restore.ties import made_by_owner, with_addresses, with_owners, with_volume
from windlass.domain.restore.wanted_parts import TOKEN, Object, comparable, overwritten, prepared
from windlass.domain.spec.private import Fingerprint, no_fingerprint
from windlass.errors import RefusedError

_DEEPEST = 10
"""How many owners one above the other are followed."""
_RANKS = (
    ("Namespace",), ("CustomResourceDefinition", "ServiceAccount"), ("Secret", "ConfigMap", "PersistentVolume"),
    ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "PersistentVolumeClaim", "Service"),
)  # fmt: skip
"""What others need comes before them; kinds of no rank come last."""


class Fate(Enum):
    """What becomes of an object."""

    CREATE = "create"
    OVERWRITE = "overwrite"
    SAME = "same"
    CONFLICT = "conflict"
    LEFT_OUT = "left out"


@dataclass(frozen=True)
class RestoreItem:
    """One object, and what becomes of it."""

    ref: ObjectRef
    fate: Fate
    why: str = ""
    """Why it is left out, or does not come back."""
    note: str = ""
    """What is different about it when it is back."""
    fields: tuple[FieldDifference, ...] = ()
    """How it differs, from what lives to what the bundle has."""
    document: Object | None = field(default=None, repr=False)
    """What is written, for one that is made or put back."""
    awaited: tuple[Identity, ...] = ()
    """Owners that are made before it, whose UIDs are in none of the two clusters yet."""

    @property
    def is_written(self) -> bool:
        """Tell whether something is to be done."""
        return self.fate in {Fate.CREATE, Fate.OVERWRITE}

    def refused(self, why: str) -> RestoreItem:
        """Return it as one that the API does not take."""
        return replace(self, fate=Fate.CONFLICT, why=why, document=None)


@dataclass(frozen=True)
class RestorePlan:
    """What becomes of all of them, in the order in which they are written."""

    items: tuple[RestoreItem, ...]

    def of(self, *fates: Fate) -> tuple[RestoreItem, ...]:
        """Return the objects of which this becomes."""
        return tuple(one for one in self.items if one.fate in fates)

    @property
    def written(self) -> tuple[RestoreItem, ...]:
        """Return what is to be done."""
        return self.of(Fate.CREATE, Fate.OVERWRITE)


def plan_restore(
    selected: Iterable[Mapping[str, Any]],
    live: LiveObjects,
    *,
    overwrite: bool,
    fingerprint: Fingerprint = no_fingerprint,
) -> RestorePlan:
    """Return what becomes of the objects `selected` out of a bundle; RefusedError while their namespace goes away.

    Texts in them are told apart by `fingerprint`, and never shown.
    """
    planner = _Planner(live, overwrite=overwrite, fingerprint=fingerprint)
    waiting = sorted(selected, key=_rank)
    _refuse_terminating(waiting, live)
    known = {ObjectRef.of(one).identity for one in waiting}
    for _ in range(_DEEPEST):
        ready = [one for one in waiting if not (_selected_owners(one, known) - planner.decided)]
        for one in ready:
            planner.decide(one)
        waiting = [one for one in waiting if ObjectRef.of(one).identity not in planner.decided]
    rest = [RestoreItem(ObjectRef.of(one), Fate.CONFLICT, "its owners own each other") for one in waiting]
    return RestorePlan((*planner.items, *rest))


class _Planner:
    """Decides object by object; owners come before what they own."""

    def __init__(self, live: LiveObjects, *, overwrite: bool, fingerprint: Fingerprint) -> None:
        self._live, self._overwrite, self._fingerprint = live, overwrite, fingerprint
        self._taken = {address for one in live.services for address in addresses_of(one)}
        self._coming: set[Identity] = set()
        self.decided: set[Identity] = set()
        self.items: list[RestoreItem] = []

    def decide(self, found: Mapping[str, Any]) -> None:
        """Decide what becomes of one object."""
        item = self._item(found)
        self.items.append(item)
        self.decided.add(item.ref.identity)
        if item.fate is Fate.CREATE:
            self._coming.add(item.ref.identity)
            if item.document is not None and item.ref.kind == "Service":
                self._taken |= addresses_of(item.document)

    def _item(self, found: Mapping[str, Any]) -> RestoreItem:
        ref = ObjectRef.of(found)
        if why := why_left_out(found) or self._made_again(found):
            return RestoreItem(ref, Fate.LEFT_OUT, why)
        if (ref.api_version, ref.kind) in self._live.unserved:
            return RestoreItem(ref, Fate.CONFLICT, f"the cluster's API does not serve {ref.kind} of {ref.api_version}")
        lives = self._live.find(ref.identity)
        return self._missing(ref, found) if lives is None else self._existing(ref, found, lives)

    def _made_again(self, found: Mapping[str, Any]) -> str:
        """Return who makes an object again; also what was put into one that had a moment's use."""
        known = {*self._coming, *self._live.objects}
        if owner := made_by_owner(found, known):
            return f"{owner} makes it again"
        ref = ObjectRef.of(found)
        of_service = ("", "Service", ref.namespace, ref.name) in known
        return "it is made again for its Service" if (ref.kind, of_service) == ("Endpoints", True) else ""

    def _existing(self, ref: ObjectRef, found: Mapping[str, Any], lives: Mapping[str, Any]) -> RestoreItem:
        if lives["metadata"].get("deletionTimestamp"):
            holders = ", ".join(lives["metadata"].get("finalizers") or ()) or "nobody"
            return RestoreItem(ref, Fate.CONFLICT, f"it is being deleted, which {holders} holds up; wait for its end")
        is_secret = ref.kind == "Secret" and "/" not in ref.api_version
        old, new = comparable(lives), comparable(found)
        fields = tuple(field_differences(old, new, is_secret=is_secret, private=self._fingerprint))
        if not fields:
            return RestoreItem(ref, Fate.SAME)
        if not self._overwrite:
            why = "it lives and differs; it is only put back with `overwrite`"
            return RestoreItem(ref, Fate.CONFLICT, why, fields=fields)
        return RestoreItem(ref, Fate.OVERWRITE, fields=fields, document=overwritten(lives, prepared(found)))

    def _missing(self, ref: ObjectRef, found: Mapping[str, Any]) -> RestoreItem:
        if ref.namespace and not self._has_namespace(ref.namespace):
            way = f"bring back kind: Namespace, name: {ref.namespace} first, or the whole namespace"
            return RestoreItem(ref, Fate.CONFLICT, f"its namespace is gone; {way}")
        if why := self._lacks_account(ref, found):
            return RestoreItem(ref, Fate.CONFLICT, why)
        made = prepared(found)
        note, why = with_volume(made, found, self._live)
        if why:
            return RestoreItem(ref, Fate.CONFLICT, why)
        note = note or with_addresses(made, found, self._taken) or _note_of(found)
        awaited, why = with_owners(made, found, self._live, self._coming)
        if why:
            return RestoreItem(ref, Fate.CONFLICT, why)
        return RestoreItem(ref, Fate.CREATE, note=note, document=made, awaited=awaited)

    def _has_namespace(self, name: str) -> bool:
        return self._live.namespace(name) is not None or ("", "Namespace", "", name) in self._coming

    def _lacks_account(self, ref: ObjectRef, found: Mapping[str, Any]) -> str:
        """Return why the token of a service account cannot be made anew; empty if it can, or is none."""
        if (ref.api_version, ref.kind, found.get("type")) != ("v1", "Secret", TOKEN):
            return ""
        name = (found["metadata"].get("annotations") or {}).get("kubernetes.io/service-account.name", "")
        account = ("", "ServiceAccount", ref.namespace, str(name))
        is_there = account in self._coming or self._live.find(account) is not None
        return "" if is_there else f"it is a token of ServiceAccount {name}, which is gone: bring that back first"


def _note_of(found: Mapping[str, Any]) -> str:
    """Say what is different about an object when it is back, by its kind."""
    group, kind = str(found["apiVersion"]).rpartition("/")[0], found["kind"]
    if (group, kind, found.get("type")) == ("", "Secret", TOKEN):
        return "it gets a new token"
    if (group, kind) == ("batch", "Job"):
        return "it begins anew"
    if (group, kind) == ("", "PersistentVolume"):
        return "the object alone comes back, and no data"
    left = [one for one in found["metadata"].get("finalizers") or () if not one.startswith("kubernetes.io/")]
    return f"without its finalizers ({', '.join(left)}), which their controllers set again" if left else ""


def _refuse_terminating(selected: Sequence[Mapping[str, Any]], live: LiveObjects) -> None:
    """RefusedError while a namespace of theirs goes away: whatever is made in it is refused, or deleted with it."""
    names = {
        ref.namespace or ref.name for ref in map(ObjectRef.of, selected) if ref.namespace or ref.kind == "Namespace"
    }
    for name in sorted(names):
        found = live.namespace(name)
        if found is not None and (found["metadata"].get("deletionTimestamp") or _phase(found) == "Terminating"):
            raise RefusedError(
                f"namespace {name} is being deleted: wait until it is gone, and see `kubectl get namespace {name} -o "
                "yaml` for what holds it up"
            )


def _phase(found: Mapping[str, Any]) -> str:
    return str((found.get("status") or {}).get("phase", ""))


def _selected_owners(found: Mapping[str, Any], known: set[Identity]) -> set[Identity]:
    return {one for owner in owners_of(found) for one in owner_identities(found, owner) if one in known}


def _rank(found: Mapping[str, Any]) -> tuple[int, str, str, str]:
    ref = ObjectRef.of(found)
    rank = next((number for number, kinds in enumerate(_RANKS) if ref.kind in kinds), len(_RANKS))
    return rank, ref.kind, ref.namespace, ref.name
