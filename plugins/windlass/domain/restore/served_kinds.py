"""Which kinds an API server serves, as its aggregated discovery tells, and where their objects are.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from windlass.domain.restore.request import RestoreRequest
from windlass.errors import RefusedError, SpecError

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""What to accept for it, at /api and at /apis."""
_NEEDED = frozenset({"get", "list", "create"})
_NEVER = frozenset(
    {"events", "leases", "leasecandidates", "csistoragecapacities", "endpointslices", "controllerrevisions"}
)
"""Plurals of what tells of a moment or is always made by a controller; nobody wants it back, and it may be a lot."""


@dataclass(frozen=True)
class ServedKind:
    """One kind."""

    group: str
    versions: tuple[str, ...]
    """Those that it is served in, the preferred one first."""
    kind: str
    plural: str
    is_namespaced: bool
    is_updatable: bool = True
    """Whether its objects can be written as they were read."""

    def api_version(self, version: str) -> str:
        """Return the API version with its group."""
        return f"{self.group}/{version}" if self.group else version

    def path(self, version: str, namespace: str = "", name: str = "") -> str:
        """Return the path of the collection, or of one object in it."""
        root = f"/apis/{self.group}/{version}" if self.group else f"/api/{version}"
        middle = f"/namespaces/{namespace}" if self.is_namespaced and namespace else ""
        return f"{root}{middle}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")

    def is_called(self, name: str) -> bool:
        """Tell whether somebody means it: by kind or plural, with its group or without."""
        own, _, group = name.partition(".")
        return own.lower() in {self.kind.lower(), self.plural.lower()} and (not group or group == self.group)

    def version_for(self, is_live: Callable[[str, str], bool]) -> str:
        """Return the version to read it in: the first that the live API serves too, by API version and kind."""
        return next((one for one in self.versions if is_live(self.api_version(one), self.kind)), self.versions[0])


def read_kinds(documents: Iterable[Mapping[str, Any]]) -> tuple[ServedKind, ...]:
    """Read what discovery said; groups that others serve and that do not answer are left out."""
    found: dict[tuple[str, str, str], ServedKind] = {}
    for document in documents:
        for item in document["items"]:
            group = str((item.get("metadata") or {}).get("name") or "")
            for one in _of_group(group, item):
                key = group, one.kind, one.plural
                known = found.get(key)
                versions = (*known.versions, *one.versions) if known else one.versions
                found[key] = replace(one, versions=versions)
    return tuple(found.values())


def _of_group(group: str, item: Mapping[str, Any]) -> Iterator[ServedKind]:
    for version in item["versions"]:
        if version.get("freshness") == "Stale":
            continue
        for one in version.get("resources") or ():
            if set(one.get("verbs") or ()) >= _NEEDED:
                kind, plural = str(one["responseKind"]["kind"]), str(one["resource"])
                where = one["scope"] == "Namespaced"
                yield ServedKind(group, (str(version["version"]),), kind, plural, where, "update" in one["verbs"])


def in_namespaces(kinds: Iterable[ServedKind]) -> tuple[ServedKind, ...]:
    """Return the kinds of which a whole namespace is made."""
    return tuple(one for one in kinds if one.is_namespaced and one.plural not in _NEVER)


def kind_of(request: RestoreRequest, kinds: Iterable[ServedKind]) -> ServedKind:
    """Return the kind of the one object that is wanted; SpecError if there is none of that name, or several are."""
    found = [one for one in kinds if one.is_called(request.kind)]
    if not found:
        raise SpecError(f"the bundle's API serves no kind `{request.kind}`; give a kind, such as Deployment")
    if len(found) > 1:
        names = ", ".join(sorted(f"{one.kind}.{one.group}" if one.group else one.kind for one in found))
        raise SpecError(f"several kinds are called `{request.kind}`: give one of {names}")
    (kind,) = found
    if kind.is_namespaced and not request.namespace:
        raise SpecError(f"{kind.kind} {request.name}: objects of this kind are in namespaces; give `namespace`")
    if not kind.is_namespaced and request.namespace:
        raise SpecError(
            f"{kind.kind} {request.name}: objects of this kind are in no namespace; leave `namespace` empty"
        )
    return kind


def missing_definitions(definitions: Iterable[Mapping[str, Any]], kinds: Iterable[ServedKind]) -> tuple[str, ...]:
    """Return the custom resource definitions that the API does not serve, which it takes a moment to."""
    served = {(one.group, one.plural) for one in kinds}
    wanted = {(str(one["spec"]["group"]), str(one["spec"]["names"]["plural"])) for one in definitions}
    return tuple(sorted(f"{plural}.{group}" for group, plural in wanted - served))


def found_nothing(request: RestoreRequest, bundle: str) -> RefusedError:
    """Return the error for what the bundle does not have."""
    return RefusedError(
        f"bundle {bundle} has no {request.subject}; name another bundle: from before it was deleted, after it was made"
    )
