"""A Kubernetes API in memory, as far as operations use it; controllers act at once, on what the machines run."""

from __future__ import annotations

import copy
import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from windlass.domain.trial import NAMESPACE as TRIAL
from world.deaths import Boundaries
from world.machine import Machine

Object = dict[str, Any]

_KINDS = {
    "v1": {
        "Namespace": False, "Node": False, "ConfigMap": True, "Service": True, "ServiceAccount": True, "Secret": True,
        "Pod": True, "PersistentVolumeClaim": True,
    },
    "apps/v1": {"DaemonSet": True, "Deployment": True},
    "policy/v1": {"PodDisruptionBudget": True},
    "rbac.authorization.k8s.io/v1": {
        "ClusterRole": False, "ClusterRoleBinding": False, "Role": True, "RoleBinding": True,
    },
    "storage.k8s.io/v1": {"StorageClass": False},
    "apiregistration.k8s.io/v1": {"APIService": False},
}  # fmt: skip
"""Kinds by group and version, and whether they live in namespaces."""
_PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?(?:/(?P<plural>[^/]+))?(?:/(?P<name>[^/]+))?(?:/(?P<part>[^/]+))?"
)


class KubernetesApi:
    """The objects of one cluster, and the API servers that give access to them."""

    def __init__(self, machines: Mapping[str, Machine], boundaries: Boundaries) -> None:
        self._machines = machines
        self._boundaries = boundaries
        self.objects: dict[tuple[str, str, str], Object] = {}
        """By plural, namespace and name."""
        self._one_at_a_time = threading.Lock()

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, as `httpx.MockTransport` wants it; requests come from several threads."""
        with self._one_at_a_time:
            return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if not self.is_ready:
            raise httpx.ConnectError("connection refused", request=request)
        if request.url.path == "/readyz":
            return httpx.Response(200, text="ok")
        match = _PATH.fullmatch(request.url.path)
        if match is None:
            return _missing(request.url.path)
        if match["plural"] is None:
            return _discovery(match["core"] or match["group"])
        if request.method != "GET":
            self._boundaries.cross("kubernetes")
        self._reconcile()
        act: Callable[[httpx.Request, re.Match[str]], httpx.Response] = getattr(self, f"_{request.method.lower()}")
        response = act(request, match)
        if request.method != "GET":
            self._boundaries.cross("kubernetes")
        return response

    @property
    def is_ready(self) -> bool:
        """Whether an API server runs, and most of etcd's members do."""
        members = [one for one in self._machines.values() if one.text("/etc/windlass/stacks/etcd/compose.yaml")]
        running = [one for one in members if any(project == "windlass-etcd" for project, _ in one.containers)]
        servers = [
            one for one in self._machines.values() if ("windlass-control-plane", "kube-apiserver") in one.containers
        ]
        return bool(servers) and 2 * len(running) > len(members)

    def state(self) -> dict[Any, Object]:
        """Return what somebody wants of each object, for comparisons."""
        return {
            key: {name: part for name, part in one.items() if name not in {"status", "metadata"}}
            | {"labels": one["metadata"].get("labels", {})}
            for key, one in self.objects.items()
        }

    def _reconcile(self) -> None:
        for machine in self._machines.values():
            if "kubelet" in machine.units:
                self.objects.setdefault(("nodes", "", machine.name), _made("v1", "Node", machine.name))
                self.objects["nodes", "", machine.name]["status"] = {"conditions": [_readiness(machine)]}
        nodes = [name for plural, _, name in self.objects if plural == "nodes"]
        for (plural, namespace, name), found in list(self.objects.items()):
            if plural == "daemonsets":
                found["status"] = {"desiredNumberScheduled": len(nodes), "numberReady": len(nodes)}
                if namespace == TRIAL:
                    for node in nodes:
                        self._run_pod(namespace, f"{name}-{node}", node)
            elif plural == "deployments":
                found["status"] = {"readyReplicas": found["spec"].setdefault("replicas", 1)}
            elif plural == "pods":
                found["spec"].setdefault("nodeName", nodes[0])
                found["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}

    def _run_pod(self, namespace: str, name: str, node: str) -> None:
        pod = _made("v1", "Pod", name, namespace) | {"spec": {"nodeName": node}, "status": {}}
        pod["metadata"] |= {"labels": {"app": "verify"}, "ownerReferences": [{"kind": "DaemonSet"}]}
        self.objects.setdefault(("pods", namespace, name), pod)

    def _get(self, request: httpx.Request, match: re.Match[str]) -> httpx.Response:
        if match["part"] == "log":
            return httpx.Response(200, text="serving\n")
        if match["name"] is None:
            return httpx.Response(200, json={"items": self._list(match, request.url.params.get("labelSelector", ""))})
        found = self.objects.get(_key(match))
        return httpx.Response(200, json=found) if found else _missing(request.url.path)

    def _list(self, match: re.Match[str], selector: str) -> list[Object]:
        label, _, value = selector.partition("=")
        return [
            one
            for (plural, namespace, _), one in sorted(self.objects.items())
            if plural == match["plural"]
            and match["namespace"] in {None, namespace}
            and (not selector or one["metadata"].get("labels", {}).get(label) == value)
        ]

    def _patch(self, request: httpx.Request, match: re.Match[str]) -> httpx.Response:
        change, key = json.loads(request.content), _key(match)
        before = self.objects.get(key)
        if before is None and "merge-patch" in request.headers["Content-Type"]:
            return _missing(request.url.path)
        self.objects[key] = _merged(before or {"metadata": {"uid": str(uuid.uuid4())}}, change)
        return httpx.Response(200, json=self.objects[key])

    def _delete(self, request: httpx.Request, match: re.Match[str]) -> httpx.Response:
        if self.objects.pop(_key(match), None) is None:
            return _missing(request.url.path)
        if match["plural"] == "namespaces":
            self.objects = {key: one for key, one in self.objects.items() if key[1] != match["name"]}
        return httpx.Response(200, json={"kind": "Status"})


def _key(match: re.Match[str]) -> tuple[str, str, str]:
    return match["plural"], match["namespace"] or "", match["name"] or ""


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return copy.deepcopy(new)
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}


def _made(api_version: str, kind: str, name: str, namespace: str = "") -> Object:
    metadata = {"name": name, "uid": str(uuid.uuid4()), **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _readiness(machine: Machine) -> Object:
    lacks = [
        what
        for what, is_there in {
            "containerd": "windlass-containerd" in machine.units,
            "kernel settings": "kernel" in machine.loaded,
            "the API through its proxy": any(project == "windlass-api-proxy" for project, _ in machine.containers),
        }.items()
        if not is_there
    ]
    return {"type": "Ready", "status": "False" if lacks else "True", "message": f"lacks {', '.join(lacks)}"}


def _discovery(api_version: str) -> httpx.Response:
    kinds = _KINDS.get(api_version)
    if kinds is None:
        return _missing(api_version)
    names = {kind: kind.lower() + ("es" if kind.endswith("ss") else "s") for kind in kinds}
    found = [{"name": names[kind], "kind": kind, "namespaced": where} for kind, where in kinds.items()]
    return httpx.Response(200, json={"resources": found})


def _missing(what: str) -> httpx.Response:
    return httpx.Response(404, json={"kind": "Status", "message": f"{what} not found"})
