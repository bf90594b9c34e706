"""What the groups in Windlass's certificates may do, as manifests that the cluster needs first of all."""

from __future__ import annotations

import yaml

from windlass.domain.pki.subjects import ADMINS_GROUP, KUBELET_API_GROUP
from windlass.domain.spec.access import PEOPLE_ROLES, people_group

_ROLES = {
    ADMINS_GROUP: "cluster-admin",
    KUBELET_API_GROUP: "system:kubelet-api-admin",
    **{people_group(role): role for role in PEOPLE_ROLES},
}


def group_bindings() -> str:
    """Return the ClusterRoleBindings for people and for API servers towards kubelets, as YAML.

    Until they are applied only the super-admin certificate works, and `kubectl logs` and `exec` are forbidden.
    """
    return yaml.safe_dump_all((_binding(group, role) for group, role in _ROLES.items()), sort_keys=False)


def _binding(group: str, role: str) -> dict[str, object]:
    rbac = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{rbac}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": group},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": rbac, "kind": "Group", "name": group}],
    }
