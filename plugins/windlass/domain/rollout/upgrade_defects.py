"""What the target of an upgrade does not take of a cluster's objects, each with whose it is; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from windlass.domain.catalog import Release
from windlass.domain.objects.inventory import ObjectRef
from windlass.domain.restore.served_kinds import ServedKind
from windlass.domain.rollout.rehearsal_record import Defect
from windlass.domain.rollout.removed_apis import stored

Object = Mapping[str, Any]
PASSING = frozenset({"events", "controllerrevisions"})
"""Plurals of what is never read back to be changed: what tells of a moment, and what a workload was before.

Of the latter an API server compares the very bytes, of which its own answer has others.
"""
_MANAGED_BY = "app.kubernetes.io/managed-by"
_CHANGES = frozenset({404, 409})
"""How a write is answered whose object was changed or has ended since it was read, as the servers' own leases do."""


def owner_of(found: Object) -> str:
    """Return who put an object there, as far as it tells: whoever manages it, its owner, or who wrote it last."""
    metadata = found["metadata"]
    if name := (metadata.get("labels") or {}).get(_MANAGED_BY):
        return str(name)
    owners = [f"{one.get('kind')} {one.get('name')}" for one in metadata.get("ownerReferences") or ()]
    writers = [
        str(one.get("manager"))
        for one in metadata.get("managedFields") or ()
        if not one.get("subresource") and one.get("manager")
    ]
    return owners[0] if owners else (writers[-1] if writers else "")


def refused(found: Object, status: int, message: str) -> Defect | None:
    """Return the defect of an object that cannot be written back as it was read; None if it can, or has changed."""
    if 200 <= status < 300 or status in _CHANGES:
        return None
    why = f"it cannot be written as it is: {message}" if status else "the API server ended while it was written"
    return Defect(what=str(ObjectRef.of(found)), owner=owner_of(found), why=why)


def removed_uses(objects: Iterable[Object], target: Release) -> Iterator[Defect]:
    """Yield who writes objects through API versions that the target does not serve any more."""
    for use in stored(objects, target):
        yield Defect(what=use.what, owner=use.who, why=f"{use.api_version} is gone; use {use.instead}")


def definition_defects(definitions: Iterable[Object], unserved: Collection[str]) -> Iterator[Defect]:
    """Yield the definitions of kinds that the target does not serve, or whose objects are stored in a lost version."""
    for found in definitions:
        name, versions = str(found["metadata"]["name"]), found["spec"].get("versions") or ()
        known = {str(one["name"]) for one in versions}
        lost = [str(one) for one in (found.get("status") or {}).get("storedVersions") or () if one not in known]
        what, owner = f"CustomResourceDefinition {name}", owner_of(found)
        if lost:
            yield Defect(what=what, owner=owner, why=f"objects may be stored as {', '.join(lost)}, which is gone")
        if name in unserved and any(one.get("served") for one in versions):
            yield Defect(what=what, owner=owner, why="its objects are not served")


def webhook_defects(configurations: Iterable[Object], kinds: Collection[ServedKind]) -> Iterator[Defect]:
    """Yield the webhooks that ask for versions of which the target serves none, or that speak none that it speaks."""
    served: dict[str, set[str]] = {}
    for kind in kinds:
        served.setdefault(kind.group, set()).update(kind.versions)
    for found in configurations:
        for hook in found.get("webhooks") or ():
            what, owner = f"{found['kind']} {found['metadata']['name']} ({hook['name']})", owner_of(found)
            if "v1" not in (hook.get("admissionReviewVersions") or ()):
                yield Defect(what=what, owner=owner, why="it does not take admission reviews of v1")
            for rule in hook.get("rules") or ():
                for group in rule.get("apiGroups") or ():
                    versions = set(rule.get("apiVersions") or ())
                    if group in served and "*" not in versions and not versions & served[group]:
                        why = f"it looks at {group} {', '.join(sorted(versions))}, which is not served"
                        yield Defect(what=what, owner=owner, why=why)


def converts_by_webhook(definitions: Iterable[Object]) -> dict[tuple[str, str], str]:
    """Return by group and plural the definitions whose objects only a webhook of the cluster can convert."""
    return {
        (str(one["spec"]["group"]), str(one["spec"]["names"]["plural"])): str(one["metadata"]["name"])
        for one in definitions
        if (one["spec"].get("conversion") or {}).get("strategy") == "Webhook"
    }
