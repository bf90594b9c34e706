"""flannel for the kubeadm twin: the least that runs it, as manifests. Values only."""

from __future__ import annotations

import json
from typing import Any

from bench.kubeadm_config import POD_NETWORK
from bench.kubeadm_host import Mirror, Versions

_NAMESPACE = "kube-flannel"
_NAME = "flannel"


def flannel(mirror: Mirror, versions: Versions) -> list[dict[str, Any]]:
    """Return flannel with vxlan, in order."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": _NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
        },
        _namespaced("v1", "ServiceAccount", {}),
        *_rights(),
        _namespaced("v1", "ConfigMap", {"data": _settings()}),
        _namespaced("apps/v1", "DaemonSet", {"spec": _daemon(mirror.image("flannel", versions.flannel))}),
    ]


def _namespaced(version: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": _NAME, "namespace": _NAMESPACE}, **content}


def _rights() -> list[dict[str, Any]]:
    api = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]},
    ]
    role = {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": {"name": _NAME}, "rules": rules}
    binding = {
        "apiVersion": f"{api}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _NAME},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": _NAME},
        "subjects": [{"kind": "ServiceAccount", "name": _NAME, "namespace": _NAMESPACE}],
    }
    return [role, binding]


def _settings() -> dict[str, str]:
    plugins = [
        {"type": "flannel", "delegate": {"hairpinMode": True, "isDefaultGateway": True}},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return {
        "cni-conf.json": json.dumps({"name": "cbr0", "cniVersion": "0.3.1", "plugins": plugins}),
        "net-conf.json": json.dumps({"Network": POD_NETWORK, "Backend": {"Type": "vxlan"}}),
    }


def _daemon(image: str) -> dict[str, Any]:
    labels = {"app": _NAME}
    settings = {"name": "settings", "mountPath": "/etc/kube-flannel"}
    install = {
        "name": "install-cni",
        "image": image,
        "command": ["cp", "-f", "/etc/kube-flannel/cni-conf.json", "/etc/cni/net.d/10-flannel.conflist"],
        "volumeMounts": [settings, {"name": "cni", "mountPath": "/etc/cni/net.d"}],
    }
    run = {
        "name": _NAME,
        "image": image,
        "command": ["/opt/bin/flanneld"],
        "args": ["--ip-masq", "--kube-subnet-mgr"],
        "env": [
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in (("POD_NAME", "metadata.name"), ("POD_NAMESPACE", "metadata.namespace"))
        ],
        "securityContext": {"privileged": True},
        "volumeMounts": [settings, {"name": "run", "mountPath": "/run/flannel"}],
    }
    paths = {"cni": "/etc/cni/net.d", "run": "/run/flannel"}
    pod = {
        "hostNetwork": True,
        "serviceAccountName": _NAME,
        "priorityClassName": "system-node-critical",
        "tolerations": [{"operator": "Exists"}],
        "initContainers": [install],
        "containers": [run],
        "volumes": [
            {"name": "settings", "configMap": {"name": _NAME}},
            *({"name": name, "hostPath": {"path": path, "type": "DirectoryOrCreate"}} for name, path in paths.items()),
        ],
    }
    return {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
