"""Keep the nodes of hosts that left, and could not be cleaned, from registering again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from windlass.domain.rendering.left_hosts import NAME, left_hosts_policy
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.operations.cluster import Changes

_POLICIES, _BINDINGS = (
    Resource("admissionregistration.k8s.io/v1", plural, namespaced=False)
    for plural in ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
)


def bar_nodes(client: KubernetesClient, names: Collection[str]) -> Changes:
    """Have the API deny nodes of these names, and of no others."""
    desired = left_hosts_policy(names)
    if not desired:
        # The binding first: alone it would have nothing to deny by.
        gone = [client.delete(resource, NAME) for resource in (_BINDINGS, _POLICIES)]
        return ("nodes of hosts that left are denied no more",) if any(gone) else ()
    if all(map(_has, (client.get(_POLICIES, NAME), client.get(_BINDINGS, NAME)), desired)):
        return ()
    for document in desired:
        client.apply(document)
    return (f"nodes named {', '.join(sorted(names))} are denied",)


def admit_nodes(client: KubernetesClient, joining: Iterable[str], barred: Collection[str]) -> Changes:
    """Let hosts register that left once and join again; all that is denied from then on are the `barred`."""
    policy = client.get(_POLICIES, NAME)
    said = str(policy["spec"].get("validations")) if policy else ""
    return bar_nodes(client, barred) if any(f'"{name}"' in said for name in joining) else ()


def _has(found: Mapping[str, Any] | None, desired: Mapping[str, Any]) -> bool:
    """Say whether an object says what is desired of it, whatever the API has filled in besides."""
    keys = ("validations", "policyName", "validationActions")
    return found is not None and all(found["spec"].get(key) == desired["spec"].get(key) for key in keys)
