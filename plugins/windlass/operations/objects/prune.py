"""Prune objects that left the spec, but nothing that others own by now or keep their own things in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from windlass.domain.objects.inventory import ObjectRef
from windlass.effects.kubernetes.client import PODS, KubernetesClient, Resource
from windlass.operations.cluster import Changes
from windlass.operations.objects.observe import SurplusObject

_WORKLOADS = (
    Resource("v1", "persistentvolumeclaims", namespaced=True),
    Resource("apps/v1", "deployments", namespaced=True),
    Resource("apps/v1", "statefulsets", namespaced=True),
    Resource("apps/v1", "daemonsets", namespaced=True),
    Resource("batch/v1", "jobs", namespaced=True),
    Resource("batch/v1", "cronjobs", namespaced=True),
)
_DEFINITIONS = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False)


def prune(client: KubernetesClient, surplus: Iterable[SurplusObject]) -> Changes:
    """Delete what is surplus, in this order; what was deleted, and what was left and why."""
    return tuple(text for one in surplus if (text := _prune(client, one)))


def _prune(client: KubernetesClient, surplus: SurplusObject) -> str:
    ref = surplus.ref
    why_kept = surplus.why_kept or _still_used(client, ref)
    if why_kept:
        return f"left alone: {ref} is in the spec no more, but {why_kept}; delete it yourself if nobody needs it"
    resource = client.find_resource(ref.api_version, ref.kind)
    # By its uid: one that somebody has made anew since is not ours.
    is_gone = resource is not None and client.delete(resource, ref.name, ref.namespace or None, uid=surplus.uid)
    return f"pruned {ref}" if is_gone else ""


def _still_used(client: KubernetesClient, ref: ObjectRef) -> str:
    """Return why to leave what would take things of others along; empty for all else."""
    if ref.kind == "Namespace":
        names = [*_workloads(client, ref.name)]
    elif ref.kind == "CustomResourceDefinition":
        names = [*_of_kind(client, ref.name)]
    else:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} would go with it" if names else ""


def _workloads(client: KubernetesClient, namespace: str) -> Iterator[str]:
    for resource in _WORKLOADS:
        for found in client.list(resource, namespace):
            if _stays(found) and not found["metadata"].get("ownerReferences"):
                yield f"{resource.plural}/{found['metadata']['name']}"
    for pod in client.list(PODS, namespace):
        if _stays(pod) and not pod["metadata"].get("ownerReferences"):
            yield f"pods/{pod['metadata']['name']}"


def _of_kind(client: KubernetesClient, name: str) -> Iterator[str]:
    definition = client.get(_DEFINITIONS, name)
    if definition is None:
        return
    spec = definition["spec"]
    version = next(one["name"] for one in spec["versions"] if one.get("served"))
    resource = Resource(f"{spec['group']}/{version}", spec["names"]["plural"], namespaced=spec["scope"] == "Namespaced")
    yield from (f"{resource.plural}/{found['metadata']['name']}" for found in client.list(resource) if _stays(found))


def _stays(found: dict[str, object]) -> bool:
    metadata = found["metadata"]
    return isinstance(metadata, dict) and not metadata.get("deletionTimestamp")
