"""An in-memory Kubernetes API without hosts below it: nodes and objects are what a test says."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import httpx

from windlass.effects.kubernetes.client import Credentials, KubernetesClient
from world.deaths import Boundaries
from world.etcd import Etcd, Objects
from world.kubernetes import KubernetesApi
from world.machine import Machine

Key = tuple[str, str, str]


class ObjectsApi(KubernetesApi):
    """An API server that always answers; `objects` by plural, namespace and name, for tests to look into and change."""

    def __init__(self, *nodes: str) -> None:
        self.contents: Objects = {}
        self.requests: Counter[str] = Counter()
        """How many requests there were, by method; dry runs count as `TRY`."""
        super().__init__({}, Boundaries(), cast("Etcd", self))
        for name in nodes:
            metadata = {"name": name, "labels": {}}
            self.put("nodes", {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}, "status": {}})

    @property
    def objects(self) -> Objects:
        """All objects, as etcd would hold them."""
        return self.contents

    def wrote(self) -> None:
        """Take in that something was written."""

    def is_ready(self, server: Machine | None) -> bool:
        return True

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests["TRY" if "dryRun" in request.url.params else request.method] += 1
        return super()._answer(request)

    def put(self, plural: str, document: dict[str, Any]) -> dict[str, Any]:
        """Put an object there, as somebody else would; return it as it is kept."""
        metadata = {"uid": f"uid-{document['metadata']['name']}", "resourceVersion": "1", **document["metadata"]}
        kept = {**document, "metadata": metadata}
        self.contents[plural, metadata.get("namespace", ""), metadata["name"]] = kept
        return kept

    def names(self, plural: str) -> set[str]:
        """Return the names of all objects of a kind."""
        return {name for kind, _, name in self.contents if kind == plural}

    def client(self, credentials: Credentials) -> KubernetesClient:
        """Return a client of this API."""
        return KubernetesClient("192.0.2.1", 6443, credentials, transport=httpx.MockTransport(self.answer))
