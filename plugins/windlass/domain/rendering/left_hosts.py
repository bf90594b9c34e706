"""The objects that keep the nodes of hosts that left, and are not clean yet, from registering again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

NAME = "windlass-left-hosts"
_API = "admissionregistration.k8s.io/v1"
_LABELS = {"app.kubernetes.io/managed-by": "windlass"}


def left_hosts_policy(names: Iterable[str]) -> tuple[dict[str, Any], ...]:
    """Return a ValidatingAdmissionPolicy that denies nodes of these names, and its binding; nothing without names.

    A kubelet registers its node at its start, with a certificate that is good until it ends. A node that the API knows
    still is not concerned: only to make one is denied.
    """
    listed = sorted(set(names))
    if not listed:
        return ()
    metadata = {"name": NAME, "labels": _LABELS}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["nodes"]}
    denial = {
        # JSON's lists of texts are CEL's too.
        "expression": f"!(object.metadata.name in {json.dumps(listed)})",
        "message": "this host has left the cluster; put it back into the cluster's spec if it belongs there",
        "reason": "Forbidden",
    }
    spec = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]}, "validations": [denial]}
    binding = {"policyName": NAME, "validationActions": ["Deny"]}
    return (
        {"apiVersion": _API, "kind": "ValidatingAdmissionPolicy", "metadata": metadata, "spec": spec},
        {"apiVersion": _API, "kind": "ValidatingAdmissionPolicyBinding", "metadata": metadata, "spec": binding},
    )
