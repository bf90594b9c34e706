"""What verification runs in a cluster: a web server on every node behind a service, and a pod with a volume."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from windlass.domain.scripts.smoke_test import PAGES, serve_page_script

TRIALS = ("windlass-verify", "windlass-verify-2")
"""Namespaces of trials: one takes seconds to be removed, and the next trial need not wait for it."""
NAME = "verify"
VOLUME_POD = "verify-volume"
PORT = 8080
_NOBODY = 65534
_POD_SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": _NOBODY,
    "runAsGroup": _NOBODY,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER_SECURITY: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""Both together meet the strictest Pod Security level, `restricted`, which a spec may ask for everywhere."""


def trial_objects(
    image: str, nodes: Collection[str], *, has_volume: bool, namespace: str = TRIALS[0], service: str = NAME
) -> list[dict[str, Any]]:
    """Return the test's objects in a namespace of its own, for these `nodes` and no others.

    `service` is a name that the trial before has not had: DNS servers tell its address from their caches for 30 s.

    They tolerate every taint, since each of these nodes is to be tried.

    Their pods may run whatever spec.security.podSecurity is.
    """
    metadata = {"name": NAME, "namespace": namespace}
    labels = {"app": NAME}
    pod: dict[str, Any] = {
        "affinity": _only_on(nodes),
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": 0,
        "securityContext": _POD_SECURITY,
        "containers": [
            {
                "name": NAME,
                "image": image,
                "command": serve_page_script("windlass", PORT).argv_with_text,
                "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
                "resources": {"limits": {"memory": "64Mi"}},
                "securityContext": _CONTAINER_SECURITY,
                # Not every image lets everybody write there.
                "volumeMounts": [{"name": "page", "mountPath": PAGES}],
            }
        ],
        "volumes": [{"name": "page", "emptyDir": {"sizeLimit": "1Mi"}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": metadata,
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata | {"name": service},
            "spec": {"selector": labels, "ports": [{"port": PORT}]},
        },
    ]
    return objects + (_volume_workload(image, nodes, namespace) if has_volume else [])


def _only_on(nodes: Collection[str]) -> dict[str, Any]:
    named = {"key": "kubernetes.io/hostname", "operator": "In", "values": sorted(nodes)}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [named]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def _volume_workload(image: str, nodes: Collection[str], namespace: str) -> list[dict[str, Any]]:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": VOLUME_POD, "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}},
    }
    container = {
        "name": NAME,
        "image": image,
        "command": ["sleep", "3600"],
        "securityContext": _CONTAINER_SECURITY,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": VOLUME_POD, "namespace": namespace},
        "spec": {
            "affinity": _only_on(nodes),
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
            "securityContext": _POD_SECURITY,
            "containers": [container],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": VOLUME_POD}}],
        },
    }
    return [claim, pod]
