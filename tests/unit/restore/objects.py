"""Objects as an API server gives them, for the tests of what comes back out of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]


def made(kind: str, name: str, namespace: str = "shop", api_version: str = "v1", **parts: Any) -> Object:
    """Return an object with what a server has put into it."""
    metadata = {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        "uid": f"uid-{kind}-{name}",
        "resourceVersion": "7",
        "creationTimestamp": "2026-11-23T07:45:00Z",
        "managedFields": [{"manager": "kubectl", "operation": "Update"}],
        **parts.pop("metadata", {}),
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}


def owned(found: Object, owner: Object, **parts: Any) -> Object:
    """Return an object that another one owns."""
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
    reference |= {"uid": owner["metadata"]["uid"], **parts}
    return {**found, "metadata": {**found["metadata"], "ownerReferences": [reference]}}


def changed(found: Mapping[str, Any], **metadata: Any) -> Object:
    """Return an object with other metadata."""
    return {**found, "metadata": {**found["metadata"], **metadata}}


NAMESPACE = made("Namespace", "shop", "", spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})
CONFIG = made("ConfigMap", "settings", data={"color": "blue", "size": "7"})
SECRET = made("Secret", "login", data={"password": "aHVudGVyMg=="}, type="Opaque")
SERVICE = made(
    "Service",
    "web",
    spec={
        "type": "NodePort",
        "clusterIP": "10.96.0.7",
        "clusterIPs": ["10.96.0.7"],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "nodePort": 30080}],
    },
    status={"loadBalancer": {}},
)
DEPLOYMENT = made(
    "Deployment",
    "web",
    api_version="apps/v1",
    metadata={"annotations": {"deployment.kubernetes.io/revision": "3"}, "generation": 4},
    spec={"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
    status={"readyReplicas": 2},
)
CLAIM = made(
    "PersistentVolumeClaim",
    "data",
    metadata={
        "annotations": {"pv.kubernetes.io/bind-completed": "yes", "note": "mine"},
        "finalizers": ["kubernetes.io/pvc-protection"],
    },
    spec={"volumeName": "pv-1", "resources": {"requests": {"storage": "1Gi"}}},
    status={"phase": "Bound"},
)
JOB = made(
    "Job",
    "import",
    api_version="batch/v1",
    metadata={"labels": {"batch.kubernetes.io/job-name": "import"}},
    spec={
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "uid-Job-import"}},
        "template": {
            "metadata": {"labels": {"batch.kubernetes.io/controller-uid": "uid-Job-import", "app": "import"}},
            "spec": {"containers": []},
        },
    },
    status={"active": 1},
)
WHOLE = (NAMESPACE, CONFIG, SECRET, SERVICE, DEPLOYMENT, CLAIM, JOB)
