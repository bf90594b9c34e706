"""Apply the objects of a cluster and prune those that left the spec; the inventory knows of all of them throughout."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from windlass.domain.objects.drift import ObjectDrift
from windlass.domain.objects.inventory import OWN_ADDON, ObjectInventory
from windlass.domain.rendering import AddonManifest
from windlass.effects.clock import Clock
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.effects.ssh.fan_out import fan_out
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.objects.observe import ObservedObjects, observe_objects
from windlass.operations.objects.prune import prune
from windlass.operations.waiting import wait_until

_KNOWN = timedelta(seconds=30)

Due = tuple[AddonManifest, ObjectDrift]


def apply_services(session: ClusterSession, client: KubernetesClient, before: ClusterSession | None = None) -> Changes:
    """Apply every object that the spec picks, and prune what was applied and left it; what was changed, in words.

    The inventory is written before anything is applied, with all that is old and new, and once more when the rest is
    pruned: a run that dies leaves no object behind that nobody knows of. `before`: see `observe_objects`.
    """
    observed = observe_objects(session, client, before)
    stored = observed.stored
    if observed.differing:
        stored = _store(session, client, stored, observed.inventory.union(observed.desired))
    changed = apply_differing(session, client, observed)
    pruned = prune(client, observed.surplus)
    _store(session, client, stored, observed.inventory.exact(observed.desired))
    return (*changed, *pruned)


def apply_differing(
    session: ClusterSession, client: KubernetesClient, observed: ObservedObjects, only: Collection[str] | None = None
) -> Changes:
    """Apply the objects that differ, or those of the add-ons `only`; what was changed.

    Add-ons do not need each other and are applied side by side, each in its own order; the user's own objects come
    after all of them, in theirs.
    """
    due: dict[str, list[Due]] = {}
    for manifest, drift in zip(observed.manifests, observed.drifts, strict=True):
        if drift is not None and (only is None or manifest.addon in only):
            due.setdefault(OWN_ADDON if manifest.is_users else manifest.addon, []).append((manifest, drift))
    own = due.pop(OWN_ADDON, [])
    outcomes = fan_out(due, lambda addon: _apply_all(client, due[addon], session.clock))
    ours = [change for outcome in outcomes.values() for change in outcome.get()]
    return (*ours, *_apply_all(client, own, session.clock))


def _apply_all(client: KubernetesClient, due: Iterable[Due], clock: Clock) -> Changes:
    return tuple(_apply(client, manifest, drift, clock) for manifest, drift in due)


def _apply(client: KubernetesClient, manifest: AddonManifest, drift: ObjectDrift, clock: Clock) -> str:
    _apply_document(client, manifest.document, f"apply {manifest} of {manifest.addon}", clock)
    if drift.kind == "missing":
        return f"created {manifest}"
    return f"changed {manifest}: {'; '.join(map(str, drift.fields))}"


def _apply_document(client: KubernetesClient, document: Mapping[str, object], doing: str, clock: Clock) -> None:
    def attempt() -> str:
        client.apply(dict(document))
        return ""

    # A kind may be unknown to the API for a moment after its definition was applied, and so may a namespace.
    wait_until(attempt, _KNOWN, doing, clock)


def _store(
    session: ClusterSession, client: KubernetesClient, stored: ObjectInventory | None, inventory: ObjectInventory
) -> ObjectInventory:
    if stored != inventory:
        _apply_document(client, inventory.document(), "write the inventory of objects", session.clock)
    return inventory
