"""What lives beside the objects that are to come back, as far as it decides whether and how they do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.objects.inventory import ObjectRef

Identity = tuple[str, str, str, str]
"""Group, kind, namespace and name."""


@dataclass(frozen=True)
class LiveObjects:
    """What the live API says."""

    objects: Mapping[Identity, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """Those of the same names, and owners, namespaces and volumes that are named by what comes back."""
    services: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """All Services of the cluster, since no two have the same address."""
    unserved: frozenset[tuple[str, str]] = frozenset()
    """API versions and kinds that it does not serve."""

    @classmethod
    def of(
        cls,
        objects: Iterable[Mapping[str, Any]],
        services: Iterable[Mapping[str, Any]] = (),
        unserved: Iterable[tuple[str, str]] = (),
    ) -> LiveObjects:
        """Return them, each object with its `apiVersion` and `kind`."""
        return cls({ObjectRef.of(one).identity: one for one in objects}, tuple(services), frozenset(unserved))

    def find(self, identity: Identity) -> Mapping[str, Any] | None:
        """Return the live object; None if there is none."""
        return self.objects.get(identity)

    def namespace(self, name: str) -> Mapping[str, Any] | None:
        """Return a namespace."""
        return self.find(("", "Namespace", "", name))


def owners_of(found: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the references to the owners of an object."""
    return tuple(found["metadata"].get("ownerReferences") or ())


def owner_identities(found: Mapping[str, Any], owner: Mapping[str, Any]) -> tuple[Identity, ...]:
    """Return who an owner may be: in the object's own namespace, or in none."""
    group = str(owner["apiVersion"]).rpartition("/")[0]
    namespace = str(found["metadata"].get("namespace") or "")
    places = dict.fromkeys((namespace, ""))
    return tuple((group, str(owner["kind"]), place, str(owner["name"])) for place in places)


def addresses_of(service: Mapping[str, Any]) -> set[str]:
    """Return the addresses and, with a colon before them, the ports of nodes that a Service has to itself."""
    spec = service.get("spec") or {}
    found = {str(one) for one in (spec.get("clusterIPs") or [spec.get("clusterIP")]) if one and one != "None"}
    ports = [spec.get("healthCheckNodePort"), *(port.get("nodePort") for port in spec.get("ports") or ())]
    return found | {f":{port}" for port in ports if port}
