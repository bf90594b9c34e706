"""A Kubernetes API in memory, as far as operations use it; controllers act at once, on what the machines run."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from windlass.domain.apply.smoke_test import TRIALS
from windlass.domain.rendering.manifests import SYSTEM_NAMESPACES
from windlass.domain.rollout.rotation import ROOT_CA
from world import secrets_at_rest
from world.deaths import Boundaries
from world.etcd import Etcd, Objects
from world.machine import Machine
from world.server_side_apply import applied, merged

Object = dict[str, Any]

KINDS = {
    "v1": {
        "Namespace": False, "Node": False, "ConfigMap": True, "Service": True, "ServiceAccount": True, "Secret": True,
        "Pod": True, "PersistentVolumeClaim": True, "PersistentVolume": False, "Event": True,
    },
    "apps/v1": {"DaemonSet": True, "Deployment": True},
    "batch/v1": {"Job": True},
    "policy/v1": {"PodDisruptionBudget": True},
    "rbac.authorization.k8s.io/v1": {
        "ClusterRole": False, "ClusterRoleBinding": False, "Role": True, "RoleBinding": True,
    },
    "storage.k8s.io/v1": {"StorageClass": False},
    "admissionregistration.k8s.io/v1": {
        "ValidatingAdmissionPolicy": False,
        "ValidatingAdmissionPolicyBinding": False,
    },
    "apiregistration.k8s.io/v1": {"APIService": False},
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition": False},
}  # fmt: skip
"""Kinds by group and version, and whether they live in namespaces."""
_PASSING = ("events", "masterleases", "leases")
"""What tells of a moment, and not of what anybody wants."""
_LED_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_ENCRYPTION = "secretsEncryption"
_MARK = "windlass-recovery"
"""Tells of one recovery, and when it was."""
_SLOW = 12
"""After how many requests the controllers have given a namespace its account: they do so when they come to it."""
_PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?(?:/(?P<plural>[^/]+))?(?:/(?P<name>[^/]+))?(?:/(?P<part>[^/]+))?"
)


def _metrics(server: Machine | None) -> str:
    """Return what an API server says of the encryption configuration that it has loaded."""
    if server:
        secrets_at_rest.load(server)
    loaded = f"sha256:{hashlib.sha256((server.encryption if server else '').encode()).hexdigest()}"
    return f'apiserver_encryption_config_controller_last_config_info{{hash="{loaded}"}} 1\n'


class KubernetesApi:
    """The API servers of one cluster; the objects are etcd's, by plural, namespace and name."""

    def __init__(self, machines: Mapping[str, Machine], boundaries: Boundaries, etcd: Etcd) -> None:
        self._machines = machines
        self._boundaries = boundaries
        self._etcd = etcd
        self.one_at_a_time = threading.RLock()
        """Held by whoever reads or changes objects."""
        self._trial_age = 0
        self._renewals = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, as `httpx.MockTransport` wants it; requests come from several threads."""
        with self.one_at_a_time:
            return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        server = self._machines.get(request.url.host)
        if not self.is_ready(server):
            raise httpx.ConnectError("connection refused", request=request)
        if request.url.path in {"/readyz", "/metrics"}:
            return httpx.Response(200, text="ok" if request.url.path == "/readyz" else _metrics(server))
        match = _PATH.fullmatch(request.url.path)
        if match is None:
            return _missing(request.url.path)
        if match["plural"] is None:
            # As API servers do: what they tell of a group comes as JSON, and as text to nobody.
            if "json" not in request.headers["Accept"]:
                return httpx.Response(406, text="406: Not Acceptable")
            return _discovery(match["core"] or match["group"], self._aggregated)
        changes = request.method != "GET" and "dryRun" not in request.url.params
        if changes:
            self._boundaries.cross("kubernetes")
        self._reconcile()
        act: Callable[[httpx.Request, re.Match[str]], httpx.Response] = getattr(self, f"_{request.method.lower()}")
        response = act(request, match)
        if match["plural"] == secrets_at_rest.SECRETS and server is not None:
            response = self._secrets(server, match, response, changes=changes)
        if changes:
            self._etcd.wrote()
            self._boundaries.cross("kubernetes")
        return response

    def _secrets(
        self, server: Machine, match: re.Match[str], response: httpx.Response, *, changes: bool
    ) -> httpx.Response:
        """Note what a written Secret is stored with; 500 where the server has no key of one that is asked for."""
        if changes and response.is_success and _key(match) in self._objects:
            secrets_at_rest.note(server, self._objects[_key(match)])
        asked = {f"{match['namespace']}/{match['name']}"} if match["name"] else None
        if missing := list(secrets_at_rest.unreadable(server, self._objects, asked)):
            return httpx.Response(500, json={"kind": "Status", "message": f"no key decrypts {', '.join(missing)}"})
        return response

    def is_ready(self, server: Machine | None) -> bool:
        """Whether the API server on a machine runs, and etcd has a quorum."""
        return server is not None and server.serves("kube-apiserver") and self._etcd.current is not None

    @property
    def _aggregated(self) -> set[str]:
        """The groups, with versions, that others serve: what runs in the cluster answers at once."""
        found = (one["spec"] for (plural, *_), one in self._objects.items() if plural == "apiservices")
        return {f"{spec['group']}/{spec['version']}" for spec in found}

    @property
    def _objects(self) -> Objects:
        return self._etcd.objects

    def state(self) -> dict[Any, Object]:
        """Return what somebody wants of each object, for comparisons."""
        return {
            key: {name: part for name, part in one.items() if name not in {"status", "metadata"}}
            | {"labels": one["metadata"].get("labels", {})}
            | ({"data": None} if key[2] in {_MARK, ROOT_CA} else {})
            # Of keys that each creation draws anew.
            | ({"data": {**one["data"], _ENCRYPTION: "noted"}} if _ENCRYPTION in one.get("data", {}) else {})
            for key, one in self._objects.items()
            if key[0] not in _PASSING
        }

    def _reconcile(self) -> None:
        for machine in self._machines.values():
            if "kubelet" in machine.units and "kubelet" not in machine.ill:
                self._objects.setdefault(("nodes", "", machine.name), _made("v1", "Node", machine.name) | {"spec": {}})
                self._objects["nodes", "", machine.name]["status"] = {
                    "conditions": [_readiness(machine)],
                    "nodeInfo": {"kubeletVersion": machine.loaded.get("kubelet version", "")},
                    "allocatable": {"cpu": "2", "memory": "8000000Ki", "pods": "110"},
                }
            if machine.serves("kube-apiserver"):
                key = ("masterleases", "", machine.address)
                self._objects.setdefault(key, _made("v1", "Endpoints", machine.address))
            if machine.serves("kube-controller-manager"):
                found = _made("v1", "ConfigMap", ROOT_CA, "kube-system") | {"data": {"ca.crt": machine.published}}
                self._objects["configmaps", "kube-system", ROOT_CA] = found
                self._renew_lead(machine.name)
        self._give_account()
        self._run_workloads([name for plural, _, name in self._objects if plural == "nodes"])

    def _renew_lead(self, holder: str) -> None:
        self._renewals += 1
        renewed = _LED_SINCE + timedelta(hours=1, seconds=self._renewals)
        lease = _made("coordination.k8s.io/v1", "Lease", "kube-controller-manager", "kube-system")
        times = {"acquireTime": _LED_SINCE.isoformat(), "renewTime": renewed.isoformat()}
        self._objects["leases", "kube-system", lease["metadata"]["name"]] = lease | {
            "spec": {"holderIdentity": holder, **times}
        }

    def _give_account(self) -> None:
        self._trial_age = self._trial_age + 1 if ("namespaces", "", TRIALS[0]) in self._objects else 0
        if self._trial_age >= _SLOW:
            account = _made("v1", "ServiceAccount", "default", TRIALS[0])
            self._objects.setdefault(("serviceaccounts", TRIALS[0], "default"), account)

    def _run_workloads(self, nodes: list[str]) -> None:
        for (plural, namespace, name), found in list(self._objects.items()):
            if plural == "daemonsets":
                names = ("desiredNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable")
                found["status"] = dict.fromkeys(names, len(nodes))
                if namespace == TRIALS[0]:
                    for node in nodes:
                        self._run_pod(namespace, f"{name}-{node}", node)
            elif plural == "deployments":
                replicas = found["spec"].setdefault("replicas", 1)
                names = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas")
                found["status"] = dict.fromkeys(names, replicas)
            elif plural == "jobs":
                found["status"] = {"succeeded": 1}
            elif plural == "pods":
                found["spec"].setdefault("nodeName", nodes[0])
                found["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}

    def _run_pod(self, namespace: str, name: str, node: str) -> None:
        pod = _made("v1", "Pod", name, namespace) | {"spec": {"nodeName": node}, "status": {}}
        pod["metadata"] |= {"labels": {"app": "verify"}, "ownerReferences": [{"kind": "DaemonSet"}]}
        self._objects.setdefault(("pods", namespace, name), pod)

    def _get(self, request: httpx.Request, match: re.Match[str]) -> httpx.Response:
        if match["part"] == "log":
            return httpx.Response(200, text="serving\n")
        if match["name"] is None:
            items = self._list(match, request.url.params)
            # Where only metadata is asked for, an API server's empty list is null.
            is_metadata = "PartialObjectMetadataList" in request.headers.get("Accept", "")
            return httpx.Response(200, json={"items": items or (None if is_metadata else [])})
        found = self._objects.get(_key(match))
        return httpx.Response(200, json=found) if found else _missing(request.url.path)

    def _list(self, match: re.Match[str], asked: Mapping[str, str]) -> list[Object]:
        label, _, value = asked.get("labelSelector", "").partition("=")
        node = asked.get("fieldSelector", "").partition("spec.nodeName=")[2]
        return [
            one
            for (plural, namespace, _), one in sorted(self._objects.items())
            if plural == match["plural"]
            and match["namespace"] in {None, namespace}
            and (not label or one["metadata"].get("labels", {}).get(label) == value)
            and (not node or one["spec"].get("nodeName") == node)
        ]

    def _patch(self, request: httpx.Request, match: re.Match[str]) -> httpx.Response:
        change, key = json.loads(request.content), _key(match)
        if key[:2] == ("pods", TRIALS[0]) and ("serviceaccounts", TRIALS[0], "default") not in self._objects:
            return httpx.Response(403, json={"kind": "Status", "message": "serviceaccount default not found"})
        before, params = self._objects.get(key), request.url.params
        if before is None and ("merge-patch" in request.headers["Content-Type"] or self._lacks_namespace(match)):
            return _missing(request.url.path)
        if "merge-patch" in request.headers["Content-Type"]:
            version = change.get("metadata", {}).pop("resourceVersion", None)
            if version and version != (before or {})["metadata"].get("resourceVersion"):
                return httpx.Response(409, json={"kind": "Status", "message": "the object has been modified"})
            after = merged(before, change)
        else:
            after = applied(before or {"metadata": {"uid": str(uuid.uuid4())}}, change, params["fieldManager"])
        if after != before and "dryRun" not in params:
            self._objects[key] = _versioned(after)
        return httpx.Response(200, json=after)

    def _lacks_namespace(self, match: re.Match[str]) -> bool:
        """Say whether an object's namespace is not there; the system's own always are."""
        namespace = match["namespace"]
        is_system = namespace in {None, "default", *SYSTEM_NAMESPACES}
        return not is_system and ("namespaces", "", namespace) not in self._objects

    def _put(self, request: httpx.Request, match: re.Match[str]) -> httpx.Response:
        made, before = json.loads(request.content), self._objects.get(_key(match))
        if before is None:
            return _missing(request.url.path)
        if made["metadata"].get("resourceVersion") != before["metadata"].get("resourceVersion"):
            return httpx.Response(409, json={"kind": "Status", "message": "the object has been modified"})
        if "dryRun" in request.url.params:
            return httpx.Response(200, json=made)
        self._objects[_key(match)] = _versioned(made)
        return httpx.Response(200, json=self._objects[_key(match)])

    def _post(self, request: httpx.Request, match: re.Match[str]) -> httpx.Response:
        made = json.loads(request.content)
        if match["part"] == "eviction":
            self._objects.pop(_key(match), None)
            return httpx.Response(201, json=made)
        key = (match["plural"], match["namespace"] or "", made["metadata"]["name"])
        made["metadata"].setdefault("uid", str(uuid.uuid4()))
        if key in self._objects:
            return httpx.Response(409, json={"kind": "Status", "message": "there is one"})
        if self._lacks_namespace(match):
            return _missing(f"namespace {match['namespace']}")
        if "dryRun" not in request.url.params:
            self._objects[key] = _versioned(made)
        return httpx.Response(201, json=made)

    def _delete(self, request: httpx.Request, match: re.Match[str]) -> httpx.Response:
        uid = json.loads(request.content or "{}").get("preconditions", {}).get("uid")
        if uid and self._objects.get(_key(match), {"metadata": {}})["metadata"].get("uid") not in {None, uid}:
            return httpx.Response(409, json={"kind": "Status", "message": "the UID in the precondition differs"})
        if self._objects.pop(_key(match), None) is None:
            return _missing(request.url.path)
        if match["plural"] == "namespaces":
            for key in [key for key in self._objects if key[1] == match["name"]]:
                del self._objects[key]
        return httpx.Response(200, json={"kind": "Status"})


def _key(match: re.Match[str]) -> tuple[str, str, str]:
    return match["plural"], match["namespace"] or "", match["name"] or ""


def _versioned(found: Object) -> Object:
    """Return an object as one that was just written."""
    version = int(found["metadata"].get("resourceVersion", "0")) + 1
    return {**found, "metadata": {**found["metadata"], "resourceVersion": str(version)}}


def _made(api_version: str, kind: str, name: str, namespace: str = "") -> Object:
    metadata = {"name": name, "uid": str(uuid.uuid4()), **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _readiness(machine: Machine) -> Object:
    lacks = [
        what
        for what, is_there in {
            "containerd": "windlass-containerd" in machine.units,
            "kernel settings": "kernel" in machine.loaded,
            "the API through its proxy": machine.serves("api-proxy"),
        }.items()
        if not is_there
    ]
    return {"type": "Ready", "status": "False" if lacks else "True", "message": f"lacks {', '.join(lacks)}"}


def _discovery(api_version: str, aggregated: Collection[str]) -> httpx.Response:
    kinds = KINDS.get(api_version, {} if api_version in aggregated else None)
    if kinds is None:
        return _missing(api_version)
    found = [{"name": plural_of(kind), "kind": kind, "namespaced": where} for kind, where in kinds.items()]
    return httpx.Response(200, json={"resources": found})


def plural_of(kind: str) -> str:
    """Return the name by which objects of a kind are asked for."""
    return re.sub("ys$", "ies", kind.lower() + ("es" if kind.endswith("ss") else "s"))


def _missing(what: str) -> httpx.Response:
    return httpx.Response(404, json={"kind": "Status", "message": f"{what} not found"})
