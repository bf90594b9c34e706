"""Look at what lives beside objects that are to come back, and write those; see `windlass.domain.restore`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from windlass.domain.masking import mask_api_message
from windlass.domain.objects.inventory import ObjectRef
from windlass.domain.restore.beside import Identity, LiveObjects, owner_identities, owners_of
from windlass.domain.restore.plan import Fate, RestoreItem, RestorePlan
from windlass.domain.restore.restore_report import line_of
from windlass.domain.restore.ties import with_owner_uids
from windlass.domain.restore.wanted_parts import VOLUME, comparable, overwritten, value_at
from windlass.effects.kubernetes.client import NAMESPACES, KubernetesClient, Object, Resource
from windlass.errors import UnreachableError, WindlassError
from windlass.operations.run import Tell

MANAGER = "windlass-restore"
"""The field manager of what is written here: of no add-on, so that no apply of Windlass prunes it."""
_IS_THERE = "there is one by now"
_VOLUMES = Resource("v1", "persistentvolumes", namespaced=False)
_SERVICES = Resource("v1", "services", namespaced=True)


def observe_live(client: KubernetesClient, selected: Sequence[Mapping[str, Any]]) -> LiveObjects:
    """Return what lives of the same names, and of what these are tied to."""
    refs = [ObjectRef.of(one) for one in selected]
    served = {(ref.api_version, ref.kind): client.find_resource(ref.api_version, ref.kind) for ref in refs}
    found = [*_same(client, refs, served), *_ties(client, selected)]
    services = client.list(_SERVICES) if any(ref.kind == "Service" for ref in refs) else []
    return LiveObjects.of(found, services, (kind for kind, resource in served.items() if resource is None))


def _same(
    client: KubernetesClient, refs: Iterable[ObjectRef], served: Mapping[tuple[str, str], Resource | None]
) -> Iterator[Object]:
    """Yield the live objects of the same names: one alone is read, of several the kind is listed."""
    places: dict[tuple[str, str, str], set[str]] = {}
    for ref in refs:
        places.setdefault((ref.api_version, ref.kind, ref.namespace), set()).add(ref.name)
    for (api_version, kind, namespace), names in places.items():
        if (resource := served[api_version, kind]) is None:
            continue
        few = len(names) == 1
        read = [client.get(resource, name, namespace) for name in names] if few else client.list(resource, namespace)
        for one in read:
            if one is not None and one["metadata"]["name"] in names:
                yield {**one, "apiVersion": api_version, "kind": kind}


def _ties(client: KubernetesClient, selected: Sequence[Mapping[str, Any]]) -> Iterator[Object]:
    """Yield the namespaces, volumes and owners that live of those that are named."""
    for name in sorted({ref.namespace for ref in map(ObjectRef.of, selected) if ref.namespace}):
        if (found := client.get(NAMESPACES, name)) is not None:
            yield {**found, "apiVersion": "v1", "kind": "Namespace"}
    volumes = {value_at(one, VOLUME) for one in selected if one["kind"] == "PersistentVolumeClaim"}
    for name in sorted(filter(None, volumes)):
        if (found := client.get(_VOLUMES, name)) is not None:
            yield {**found, "apiVersion": "v1", "kind": "PersistentVolume"}
    owners = {
        (str(owner["apiVersion"]), identity)
        for one in selected
        for owner in owners_of(one)
        for identity in owner_identities(one, owner)
    }
    for api_version, (_, kind, namespace, name) in sorted(owners):
        resource = client.find_resource(api_version, kind)
        if resource is None or resource.namespaced is not bool(namespace):
            continue
        if (found := client.get(resource, name, namespace)) is not None:
            yield {**found, "apiVersion": api_version, "kind": kind}


def try_plan(client: KubernetesClient, plan: RestorePlan) -> RestorePlan:
    """Have the API try what is planned, without keeping it; what it refuses is a conflict of the plan that is returned.

    What goes into a namespace that comes back too cannot be tried.
    """
    coming = {one.ref.name for one in plan.of(Fate.CREATE) if one.ref.kind == "Namespace"}
    return RestorePlan(tuple(one if one.ref.namespace in coming else _tried(client, one) for one in plan.items))


def _tried(client: KubernetesClient, item: RestoreItem) -> RestoreItem:
    if item.document is None:
        return item
    why = _write(client, item, item.document, {"dryRun": "All"})
    return item.refused(f"the API refuses it: {why}") if why else item


def carry_out(client: KubernetesClient, plan: RestorePlan, tell: Tell) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write what is planned, one object after the other; what was done, and what the API refused, a line each.

    One that is refused keeps none of the others from coming back.
    """
    done: list[str] = []
    failed: list[str] = []
    uids: dict[Identity, str] = {}
    owners = {identity for one in plan.written for identity in one.awaited}
    made = {one.ref.name for one in plan.of(Fate.CREATE) if one.ref.kind == "Namespace"}
    for item in plan.written:
        document = with_owner_uids(item.document or {}, uids)
        is_orphan = bool(set(item.awaited) - uids.keys())
        why = "its owner did not come back" if is_orphan else _write(client, item, document, {})
        if why == _IS_THERE and _is_as_wanted(client, document, made):
            why = ""
        if why:
            failed.append(f"{item.ref}: {why}")
            continue
        done.append(line_of(item))
        tell(line_of(item))
        if item.ref.identity in owners:
            found = client.get(client.resource_of(document), item.ref.name, item.ref.namespace or None)
            uids |= {item.ref.identity: found["metadata"]["uid"]} if found is not None else {}
    return tuple(done), tuple(failed)


def _is_as_wanted(client: KubernetesClient, document: Object, made: Collection[str]) -> bool:
    """Tell whether what somebody was faster to make is what was wanted; the account of a new namespace is made so.

    Each namespace gets an account from a controller, within moments: in one that was just `made` here it is nobody's.
    """
    resource, ref = client.resource_of(document), ObjectRef.of(document)
    live = client.get(resource, ref.name, ref.namespace or None)
    if live is None:
        return False
    live = {**live, "apiVersion": ref.api_version, "kind": ref.kind}
    if comparable(live) == comparable(document):
        return True
    is_account = (ref.kind, ref.name) == ("ServiceAccount", "default") and ref.namespace in made
    return is_account and client.replace(resource, overwritten(live, document), {"fieldManager": MANAGER})


def _write(client: KubernetesClient, item: RestoreItem, document: Object, params: Mapping[str, str]) -> str:
    """Make or put back an object; why the API does not take it, empty if it did."""
    asked = {"fieldManager": MANAGER, **params}
    try:
        resource = client.resource_of(document)
        if item.fate is Fate.CREATE:
            return "" if client.create(resource, document, asked) else _IS_THERE
        return "" if client.replace(resource, document, asked) else "it was changed meanwhile"
    except UnreachableError:
        raise
    except WindlassError as error:
        return mask_api_message(str(error))
