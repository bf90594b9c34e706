"""Kubeconfigs: for components on hosts (by reference to files) and for people (all in one file)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from windlass.domain.addresses import host_port
from windlass.domain.host.layout import API_PORT, API_SERVER_NAME, PROXY_PORT
from windlass.domain.pki.certificates import Credential
from windlass.domain.pki.model import Pki
from windlass.domain.pki.subjects import Signer, endpoint_host
from windlass.domain.pki.trust import trust_bundle
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster

LOCAL_API = f"https://127.0.0.1:{PROXY_PORT}"
"""The api-proxy of every host, in front of all API servers."""
EXEC_API = "client.authentication.k8s.io/v1"
"""What a client and the command that gives it credentials say to each other."""


@dataclass(frozen=True)
class KubeconfigContext:
    """One way in: the name of the context, and the API server's URL."""

    name: str
    server: str


@dataclass(frozen=True)
class CredentialFiles:
    """Where on a host the files are that a component's kubeconfig refers to."""

    authority: str
    certificate: str
    key: str


def host_kubeconfig(cluster_name: str, user: str, files: CredentialFiles) -> str:
    """Return a component's kubeconfig, for the host's own api-proxy.

    It refers to files rather than holding them: clients of Kubernetes read a renewed certificate from its file by
    themselves, and the kubeconfig holds no secret.
    """
    credentials = {"client-certificate": files.certificate, "client-key": files.key}
    contexts = (KubeconfigContext(cluster_name, LOCAL_API),)
    return _render(contexts, {"certificate-authority": files.authority}, user, credentials)


def user_kubeconfig(cluster: Cluster, pki: Pki, user: str, credential: Credential) -> Secret:
    """Return a kubeconfig that works anywhere: a context for the one address of the API, else one for each API server.

    The first context is the current one and has the cluster's name; the further ones are `CLUSTER-HOST`.
    """
    return embedded_kubeconfig(user_contexts(cluster), pki, user, credential)


def embedded_kubeconfig(contexts: Sequence[KubeconfigContext], pki: Pki, user: str, credential: Credential) -> Secret:
    """Return a kubeconfig with everything in it, and so secret; for tunnels too, whose server is at 127.0.0.1."""
    authority = {"certificate-authority-data": _base64(trust_bundle(pki, Signer.KUBERNETES))}
    credentials = {
        "client-certificate-data": _base64(credential.certificate),
        "client-key-data": _base64(credential.key.reveal()),
    }
    return Secret(_render(contexts, authority, user, credentials))


def exec_kubeconfig(contexts: Sequence[KubeconfigContext], authority: str, command: Sequence[str]) -> str:
    """Return a kubeconfig without any key: clients run `command` for a certificate and its key when they need them.

    `authority` is PEM. See "client-go credential plugins" in https://kubernetes.io/docs/reference/access-authn-authz/authentication/.
    """
    program, *arguments = command
    plugin = {
        "apiVersion": EXEC_API,
        "command": program,
        "args": arguments,
        "interactiveMode": "Never",
        "provideClusterInfo": False,
        "installHint": "the command `windlass` is a Python package: see the README of Windlass",
    }
    user = f"{contexts[0].name}-by-airflow"
    return _render(contexts, {"certificate-authority-data": _base64(authority)}, user, {"exec": plugin})


def user_contexts(cluster: Cluster) -> tuple[KubeconfigContext, ...]:
    """Return the ways in from outside, the one to prefer first."""
    name, endpoint = cluster.name, cluster.spec.api.endpoint
    if endpoint is not None:
        return (KubeconfigContext(name, _endpoint_url(endpoint)),)
    if cluster.spec.api.virtual_address is not None:
        return (KubeconfigContext(name, api_url(cluster.spec.api.virtual_address)),)
    first, *others = cluster.hosts_with("control-plane")
    further = (KubeconfigContext(f"{name}-{host.name}", api_url(host.address)) for host in others)
    return (KubeconfigContext(name, api_url(str(first.address))), *further)


def api_url(address: str) -> str:
    """Return the URL of the API server at `address`."""
    return f"https://{host_port(address, API_PORT)}"


def _endpoint_url(endpoint: str) -> str:
    if "://" in endpoint:
        return endpoint
    host = endpoint_host(endpoint)
    bare = endpoint in {host, f"[{host}]"}
    return api_url(host) if bare else f"https://{endpoint}"


def _render(
    contexts: Sequence[KubeconfigContext], authority: Mapping[str, str], user: str, credentials: Mapping[str, Any]
) -> str:
    asked = {**authority, "tls-server-name": API_SERVER_NAME}
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": item.name, "cluster": {"server": item.server, **asked}} for item in contexts],
        "users": [{"name": user, "user": dict(credentials)}],
        "contexts": [{"name": item.name, "context": {"cluster": item.name, "user": user}} for item in contexts],
        "current-context": contexts[0].name,
    }
    return yaml.safe_dump(document, sort_keys=False, width=10_000)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
