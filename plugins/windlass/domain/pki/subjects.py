"""Which certificates a cluster needs, who signs each, and whom it names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from windlass.domain.pki.certificates import Subject, Usage
from windlass.domain.spec import Cluster, Host

ADMINS_GROUP = "windlass:admins"
"""Group of people's certificates; a binding gives it `cluster-admin`, so taking the binding away takes the power."""
MASTERS_GROUP = "system:masters"
"""Group that the API server always obeys; only Windlass's own certificate has it, and that is never on a host."""
KUBELET_API_GROUP = "windlass:kubelet-api"
"""Group that API servers have towards kubelets; bound to `system:kubelet-api-admin`."""

SUPER_ADMIN = "super-admin"
ETCD_CLIENT = "etcd-client"


class Signer(Enum):
    """The three authorities of a cluster."""

    KUBERNETES = "kubernetes"
    ETCD = "etcd"
    FRONT_PROXY = "front-proxy"


@dataclass(frozen=True)
class Wanted:
    """One certificate that should exist."""

    signer: Signer
    subject: Subject


def wanted_leaves(cluster: Cluster) -> Mapping[str, Wanted]:
    """Return every leaf of `cluster` by name: `PURPOSE` for Windlass's own, `HOST/PURPOSE` for those of a host."""
    wanted = dict(_own_leaves())
    for host in cluster.spec.hosts.members:
        for purpose, leaf in host_leaves(cluster, host).items():
            wanted[f"{host.name}/{purpose}"] = leaf
    return wanted


def host_leaves(cluster: Cluster, host: Host) -> Mapping[str, Wanted]:
    """Return the leaves that `host` needs for its roles, by purpose."""
    leaves: dict[str, Wanted] = {}
    if "etcd" in host.roles:
        leaves |= _etcd_leaves(host)
    if "control-plane" in host.roles:
        leaves |= _control_plane_leaves(cluster, host)
    if host.is_node:
        leaves |= _kubelet_leaves(host)
    return leaves


def api_names(cluster: Cluster, host: Host) -> frozenset[str]:
    """Return every name and address under which clients reach the API server of `host`."""
    spec = cluster.spec
    service_network = ipaddress.ip_network(spec.network.service_cidr)
    names = {"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
    names |= {str(service_network[1]), *local_names(host), *spec.api.extra_names}
    if spec.api.endpoint is not None:
        names.add(endpoint_host(spec.api.endpoint))
    return frozenset(names)


def local_names(host: Host) -> frozenset[str]:
    """Return the names of any server on `host`; 127.0.0.1 too, since clients come through tunnels."""
    return frozenset({host.name, host.address, "127.0.0.1", "localhost"})


def endpoint_host(endpoint: str) -> str:
    """Return the host in `endpoint`, which is a host, `host:port` or a URL."""
    parsed = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    return parsed.hostname or endpoint


def _own_leaves() -> Iterator[tuple[str, Wanted]]:
    super_admin = Subject("windlass", Usage.CLIENT, (MASTERS_GROUP,))
    yield SUPER_ADMIN, Wanted(Signer.KUBERNETES, super_admin)
    yield ETCD_CLIENT, Wanted(Signer.ETCD, Subject("windlass", Usage.CLIENT))


def _etcd_leaves(host: Host) -> dict[str, Wanted]:
    names = local_names(host)
    return {
        # Both usages: a member's own gRPC gateway dials the client port with the server certificate.
        "etcd-server": Wanted(Signer.ETCD, Subject(host.name, Usage.BOTH, names=names)),
        "etcd-peer": Wanted(Signer.ETCD, Subject(host.name, Usage.BOTH, names=names)),
        "etcd-health": Wanted(Signer.ETCD, Subject("windlass-health", Usage.CLIENT)),
    }


def _control_plane_leaves(cluster: Cluster, host: Host) -> dict[str, Wanted]:
    kubelet_client = Subject("kube-apiserver-kubelet-client", Usage.CLIENT, (KUBELET_API_GROUP,))
    clients = {
        "admin": Subject("windlass-admin", Usage.CLIENT, (ADMINS_GROUP,)),
        "apiserver-kubelet-client": kubelet_client,
        "controller-manager-client": Subject("system:kube-controller-manager", Usage.CLIENT),
        "scheduler-client": Subject("system:kube-scheduler", Usage.CLIENT),
    }
    servers = {
        "apiserver": Subject("kube-apiserver", Usage.SERVER, names=api_names(cluster, host)),
        "controller-manager": Subject("kube-controller-manager", Usage.SERVER, names=local_names(host)),
        "scheduler": Subject("kube-scheduler", Usage.SERVER, names=local_names(host)),
    }
    signed = {purpose: Wanted(Signer.KUBERNETES, subject) for purpose, subject in {**clients, **servers}.items()}
    return signed | {
        "apiserver-etcd-client": Wanted(Signer.ETCD, Subject("kube-apiserver-etcd-client", Usage.CLIENT)),
        "front-proxy-client": Wanted(Signer.FRONT_PROXY, Subject("front-proxy-client", Usage.CLIENT)),
    }


def _kubelet_leaves(host: Host) -> dict[str, Wanted]:
    client = Subject(f"system:node:{host.name}", Usage.CLIENT, ("system:nodes",))
    # Kubernetes wants a node's serving certificate to name it just as its client certificate does.
    server = Subject(f"system:node:{host.name}", Usage.SERVER, ("system:nodes",), local_names(host))
    return {"kubelet-client": Wanted(Signer.KUBERNETES, client), "kubelet": Wanted(Signer.KUBERNETES, server)}
