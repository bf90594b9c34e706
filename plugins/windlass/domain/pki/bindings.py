"""What the groups in Windlass's certificates may do, as manifests that the cluster needs first of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from windlass.domain.catalog.drivers import DriverKind
from windlass.domain.pki.subjects import ADMINS_GROUP, KUBELET_API_GROUP, OBSERVERS_GROUP
from windlass.domain.spec.access import PEOPLE_ROLES, people_group

RBAC = "rbac.authorization.k8s.io"
_ROLES = {
    ADMINS_GROUP: "cluster-admin",
    KUBELET_API_GROUP: "system:kubelet-api-admin",
    OBSERVERS_GROUP: OBSERVERS_GROUP,
    **{people_group(role): role for role in PEOPLE_ROLES},
}
OBSERVED: Mapping[str, tuple[str, ...]] = {
    "": ("configmaps", "namespaces", "nodes", "serviceaccounts", "services"),
    "admissionregistration.k8s.io": ("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
    "apiextensions.k8s.io": ("customresourcedefinitions",),
    "apiregistration.k8s.io": ("apiservices",),
    "apps": ("daemonsets", "deployments"),
    "policy": ("poddisruptionbudgets",),
    RBAC: ("clusterrolebindings", "clusterroles", "rolebindings", "roles"),
    "storage.k8s.io": ("storageclasses",),
}
"""What the watch lists, by the group of the API: nodes, and what add-ons are made of."""


def group_bindings(kinds: Iterable[DriverKind] = ()) -> str:
    """Return the ClusterRoleBindings for people and for API servers towards kubelets, as YAML, and the observers' role.

    Observers may list the objects of drivers of these `kinds` too. Until all are applied only the super-admin
    certificate works, and `kubectl logs` and `exec` are forbidden.
    """
    return yaml.safe_dump_all(_documents(kinds), sort_keys=False)


def _documents(kinds: Iterable[DriverKind]) -> Iterator[dict[str, Any]]:
    observed = {group: list(resources) for group, resources in OBSERVED.items()}
    for one in kinds:
        observed.setdefault(one.group, []).append(one.plural)
    rules = [
        {"apiGroups": [group], "resources": resources, "verbs": ["list"]}
        for group, resources in sorted(observed.items())
    ]
    metadata = {"name": OBSERVERS_GROUP}
    yield {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}
    yield from (_binding(group, role) for group, role in _ROLES.items())


def _binding(group: str, role: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": group},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": group}],
    }
