"""A small client of the Kubernetes API, over HTTPS with a client certificate.

Objects are the API's own JSON as dicts. Writes are server-side applies with one field manager, so that a second run
of the same manifest changes nothing
(https://kubernetes.io/docs/reference/using-api/server-side-apply/).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from windlass.domain.bounded import read_from
from windlass.domain.host.layout import API_SERVER_NAME
from windlass.domain.objects.inventory import FIELD_MANAGER
from windlass.effects.answers import read_whole
from windlass.effects.kubernetes.execute import EXECUTION, execute
from windlass.effects.kubernetes.failures import failure, reason_of
from windlass.effects.kubernetes.tls import client_context
from windlass.errors import NotReadyError, UnreachableError

_PAGE = 500
MOST_BYTES = 512 * 1024 * 1024
"""Of one answer, expanded; a list of 50,000 pods has half of that."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Credentials:
    """Who asks: the CA to trust and a client certificate with its key, all as PEM."""

    ca: str
    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Resource:
    """Where the objects of one kind live in the API."""

    api_version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the URL path of the collection, or of one object in it."""
        root = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        middle = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{middle}/{self.plural}" + (f"/{name}" if name else "")


NODES = Resource("v1", "nodes", namespaced=False)
NAMESPACES = Resource("v1", "namespaces", namespaced=False)
PODS = Resource("v1", "pods", namespaced=True)
EVENTS = Resource("v1", "events", namespaced=True)
SERVICE_ACCOUNTS = Resource("v1", "serviceaccounts", namespaced=True)

_AS_API_SERVER = {"sni_hostname": API_SERVER_NAME}
"""What httpx asks for by SNI, and so what the server's certificate must be for."""


class KubernetesClient:
    """One API server at `https://ADDRESS:PORT`; close it, or use it in a `with`.

    Whatever the way there, only a certificate with an API server's own name is accepted. `transport` carries requests
    in place of the network, for tests. `guard` is called before each change, and may raise what forbids it.
    """

    def __init__(
        self,
        address: str,
        port: int,
        credentials: Credentials,
        timeout_seconds: float = 10.0,
        *,
        transport: httpx.BaseTransport | None = None,
        guard: Callable[[], None] | None = None,
    ) -> None:
        self._where = f"https://{address}:{port}"
        self._guard = guard
        self._tls = client_context(credentials.ca, credentials.certificate + credentials.key)
        self._http = httpx.Client(
            base_url=self._where, verify=self._tls, timeout=timeout_seconds, trust_env=False, transport=transport
        )
        self._resources: dict[tuple[str, str], Resource] = {}
        self._discovery = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def is_ready(self) -> bool:
        """Whether /readyz answers `ok`; False also when nothing answers."""
        try:
            with self._http.stream("GET", "/readyz", timeout=2.0, extensions=_AS_API_SERVER) as response:
                return response.status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """Return one object; None if the API says that there is none."""
        response = self._send("GET", resource.path(namespace, name))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return self._object(response, f"read {resource.plural}/{name}")

    def list(
        self, resource: Resource, namespace: str | None = None, selector: str = "", fields: str = ""
    ) -> list[Object]:
        """Return all objects of a kind, in one namespace or in all; by a selector of labels, of fields, or both."""
        asked = {"labelSelector": selector, "fieldSelector": fields}
        params = {name: value for name, value in asked.items() if value}
        response = self._send("GET", resource.path(namespace), params=params)
        document = self._object(response, f"list {resource.plural}")
        with self._read(f"its list of {resource.plural}"):
            return list(document.get("items") or ())

    def names(self, resource: Resource) -> tuple[tuple[str, str], ...]:
        """Return namespace and name of all objects of a kind, asked for page by page and without what they hold.

        Of a list without objects in it an API server writes `items: null` in this form.
        """
        accept = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
        found: list[tuple[str, str]] = []
        params = {"limit": str(_PAGE)}
        while True:
            response = self._send("GET", resource.path(), params=params, headers=accept)
            page = self._object(response, f"list {resource.plural}")
            with self._read(f"its list of {resource.plural}"):
                items = [one["metadata"] for one in page["items"] or ()]
                found += [(one.get("namespace", ""), one["name"]) for one in items]
                following = page.get("metadata", {}).get("continue")
            if not following:
                return tuple(found)
            params["continue"] = following

    def replace(self, resource: Resource, found: Object, params: Mapping[str, str] | None = None) -> bool:
        """Write an object as it was read; False if it was changed or deleted since. `params`: of the API's request."""
        metadata = found["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"])
        response = self._send("PUT", path, params=params, content=json.dumps(found).encode())
        if response.status_code in {httpx.codes.CONFLICT, httpx.codes.NOT_FOUND}:
            return False
        self._object(response, f"replace {resource.plural}/{metadata['name']}")
        return True

    def apply(self, desired: Object) -> Object:
        """Apply an object server-side and return it as it is then; NotReadyError while its namespace is not there."""
        return self._apply(desired, {})

    def try_apply(self, desired: Object) -> Object:
        """Return what `apply` would make of an object, by having the API server try it without keeping it."""
        return self._apply(desired, {"dryRun": "All"})

    def _apply(self, desired: Object, params: dict[str, str]) -> Object:
        name, namespace = desired["metadata"]["name"], desired["metadata"].get("namespace")
        response = self._send(
            "PATCH",
            self.resource_of(desired).path(namespace, name),
            params={"fieldManager": FIELD_MANAGER, "force": "true", **params},
            content=json.dumps(desired).encode(),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        doing = f"{'try' if params else 'apply'} {desired['kind']} {name}"
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NotReadyError(f"{self._where}: cannot {doing}: {reason_of(response)}")
        return self._object(response, doing)

    def create(self, resource: Resource, desired: Object, params: Mapping[str, str] | None = None) -> bool:
        """Make an object; False if there is one of that name. `params`: of the API's request."""
        path = resource.path(desired["metadata"].get("namespace"))
        response = self._send("POST", path, params=params, content=json.dumps(desired).encode())
        if response.status_code == httpx.codes.CONFLICT:
            return False
        self._object(response, f"create {resource.plural}/{desired['metadata']['name']}")
        return True

    def text(self, path: str) -> str:
        """Return what a path that is no object of the API answers: text as of /metrics, else JSON as of a group."""
        response = self._send("GET", path, headers={"Accept": "text/plain, application/json;q=0.9, */*;q=0.1"})
        if response.is_error:
            self._object(response, f"read {path}")
        return response.text

    def patch(self, resource: Resource, name: str, change: Object) -> Object:
        """Merge `change` into an object without a namespace.

        NotReadyError if `change` names a resourceVersion, and the object was changed since.
        """
        headers = {"Content-Type": "application/merge-patch+json"}
        response = self._send("PATCH", resource.path(None, name), content=json.dumps(change).encode(), headers=headers)
        if response.status_code == httpx.codes.CONFLICT:
            raise NotReadyError(f"{self._where}: {resource.plural}/{name} was changed meanwhile: {reason_of(response)}")
        return self._object(response, f"patch {resource.plural}/{name}")

    def delete(self, resource: Resource, name: str, namespace: str | None = None, uid: str = "") -> bool:
        """Delete an object and what it owns; False if there was none, or none any more that has this `uid`."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        options = body | ({"preconditions": {"uid": uid}} if uid else {})
        response = self._send("DELETE", resource.path(namespace, name), content=json.dumps(options).encode())
        if uid and response.status_code == httpx.codes.CONFLICT:
            return False
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        self._object(response, f"delete {resource.plural}/{name}")
        return True

    def evict(self, name: str, namespace: str) -> None:
        """Ask for a pod's eviction; NotReadyError while a disruption budget forbids it."""
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
        response = self._send("POST", PODS.path(namespace, name) + "/eviction", content=json.dumps(body).encode())
        if response.status_code != httpx.codes.NOT_FOUND:
            self._object(response, f"evict pod {namespace}/{name}")

    def logs(self, name: str, namespace: str, lines: int = 20) -> str:
        """Return the last lines of a pod's log."""
        response = self._send("GET", PODS.path(namespace, name) + "/log", params={"tailLines": str(lines)})
        if response.is_error:
            self._object(response, f"read the log of pod {namespace}/{name}")
        return response.text

    def execute(self, name: str, namespace: str, argv: Sequence[str], timeout: timedelta = EXECUTION) -> str:
        """Run a command in a pod and return what it printed; the errors are those of `execute.execute`."""
        query = [*(("command", word) for word in argv), ("stdout", "true"), ("stderr", "true")]
        url = f"{self._where}{PODS.path(namespace, name)}/exec?{urlencode(query)}"
        return execute(url, self._tls, f"run a command in pod {namespace}/{name}", timeout)

    def resource_of(self, desired: Object) -> Resource:
        """Return where objects of this one's kind live; NotReadyError if the API does not serve it."""
        api_version, kind = str(desired["apiVersion"]), str(desired["kind"])
        found = self.find_resource(api_version, kind)
        if found is None:
            raise NotReadyError(f"{self._where}: the API does not serve {kind} of {api_version} (yet)")
        return found

    def find_resource(self, api_version: str, kind: str) -> Resource | None:
        """Return where objects of a kind live, by asking the API once for each group and version; None: not served."""
        with self._discovery:
            if (api_version, kind) not in self._resources:
                self._discover(api_version)
        return self._resources.get((api_version, kind))

    def _discover(self, api_version: str) -> None:
        response = self._send("GET", f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return
        document = self._object(response, f"ask for the kinds of {api_version}")
        with self._read(f"the kinds of {api_version}"):
            for one in document["resources"]:
                if "/" not in one["name"]:
                    self._resources[api_version, one["kind"]] = Resource(api_version, one["name"], one["namespaced"])

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **options.pop("headers", {})}
        if self._guard is not None and method != "GET":
            self._guard()
        if "content" in options:
            headers.setdefault("Content-Type", "application/json")
        try:
            with self._http.stream(method, path, headers=headers, extensions=_AS_API_SERVER, **options) as response:
                return read_whole(response, MOST_BYTES)
        except httpx.HTTPError as error:
            raise UnreachableError(f"{self._where}: {method} {path}: {error or type(error).__name__}") from error

    def _read(self, what: str) -> AbstractContextManager[None]:
        return read_from(f"{self._where}: {what}", "look what answers there")

    def _object(self, response: httpx.Response, doing: str) -> Object:
        if not response.is_error:
            with self._read(f"its answer to `{doing}`"):
                return dict(response.json())
        raise failure(response, f"{self._where}: cannot {doing}")
