"""Which certificates a cluster needs, who signs each, and whom it names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from windlass.domain.host.layout import API_SERVER_NAME
from windlass.domain.pki.certificates import CertificateSubject, Usage
from windlass.domain.spec import Cluster, Host

OBSERVERS_GROUP = "windlass:observers"
"""Group of what reports on nodes and add-ons from a host; it may list these, and nothing else."""
ADMINS_GROUP = "windlass:admins"
"""Group of people's certificates; a binding gives it `cluster-admin`, so taking the binding away takes the power."""
MASTERS_GROUP = "system:masters"
"""Group that the API server always obeys; only Windlass's own certificate has it, and that is never on a host."""
KUBELET_API_GROUP = "windlass:kubelet-api"
"""Group that API servers have towards kubelets; bound to `system:kubelet-api-admin`."""

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost"})

SUPER_ADMIN = "super-admin"
ETCD_CLIENT = "etcd-client"


class Signer(Enum):
    """The authorities of a cluster: three that each has, and two whose certificates API servers alone take.

    That of people is there where the spec lets any in, that of requests where it has the cluster sign them.
    """

    KUBERNETES = "kubernetes"
    ETCD = "etcd"
    FRONT_PROXY = "front-proxy"
    PEOPLE = "people"
    REQUESTS = "requests"


def desired_authorities(cluster: Cluster) -> tuple[Signer, ...]:
    """Return the authorities that `cluster` should have; no certificate counts of one that it has not."""
    by_choice = {Signer.PEOPLE: bool(cluster.spec.access.groups), Signer.REQUESTS: cluster.spec.security.sign_requests}
    return tuple(signer for signer in Signer if by_choice.get(signer, True))


@dataclass(frozen=True)
class DesiredCertificate:
    """One certificate that should exist."""

    signer: Signer
    subject: CertificateSubject


def desired_leaves(cluster: Cluster) -> Mapping[str, DesiredCertificate]:
    """Return every leaf of `cluster` by name: `PURPOSE` for Windlass's own, `HOST/PURPOSE` for those of a host."""
    desired = dict(_own_leaves())
    for host in cluster.spec.hosts.members:
        for purpose, leaf in host_leaves(cluster, host).items():
            desired[f"{host.name}/{purpose}"] = leaf
    return desired


def host_leaves(cluster: Cluster, host: Host) -> Mapping[str, DesiredCertificate]:
    """Return the leaves that `host` needs for its roles, by purpose."""
    leaves: dict[str, DesiredCertificate] = {}
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
    names = {API_SERVER_NAME, *api_service_names(cluster)}
    names |= {str(ipaddress.ip_network(services)[1]) for services in spec.network.service_ranges}
    names |= {*local_names(host), host.address, *spec.api.extra_names}
    if spec.api.endpoint is not None:
        names.add(endpoint_host(spec.api.endpoint))
    if spec.api.virtual_address is not None:
        names.add(spec.api.virtual_address)
    return frozenset(names)


def api_service_names(cluster: Cluster) -> tuple[str, ...]:
    """Return the names by which pods find the API server: those of its Service."""
    service = "kubernetes.default"
    return (service, f"{service}.svc", f"{service}.svc.{cluster.spec.network.cluster_domain}")


def host_names(host: Host) -> frozenset[str]:
    """Return the names of any server on `host`, by which other hosts find it."""
    return frozenset({host.name, *host.node_addresses})


def local_names(host: Host) -> frozenset[str]:
    """Return the names of a server on `host` that is asked through tunnels, which end at its 127.0.0.1, too.

    Only an API server and etcd, which has an authority of its own: with a loopback name any other server of the same
    authority could stand in for the API server that a client finds at 127.0.0.1.
    """
    return host_names(host) | LOOPBACK_NAMES


def endpoint_host(endpoint: str) -> str:
    """Return the host in `endpoint`, which is a host, `host:port` or a URL."""
    parsed = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    return parsed.hostname or endpoint


def _own_leaves() -> Iterator[tuple[str, DesiredCertificate]]:
    super_admin = CertificateSubject("windlass", Usage.CLIENT, (MASTERS_GROUP,))
    yield SUPER_ADMIN, DesiredCertificate(Signer.KUBERNETES, super_admin)
    yield ETCD_CLIENT, DesiredCertificate(Signer.ETCD, CertificateSubject("windlass", Usage.CLIENT))


def _etcd_leaves(host: Host) -> dict[str, DesiredCertificate]:
    names = local_names(host)
    return {
        # Both usages: a member's own gRPC gateway dials the client port with the server certificate.
        "etcd-server": DesiredCertificate(Signer.ETCD, CertificateSubject(host.name, Usage.BOTH, names=names)),
        "etcd-peer": DesiredCertificate(Signer.ETCD, CertificateSubject(host.name, Usage.BOTH, names=names)),
        "etcd-health": DesiredCertificate(Signer.ETCD, CertificateSubject("windlass-health", Usage.CLIENT)),
    }


def _control_plane_leaves(cluster: Cluster, host: Host) -> dict[str, DesiredCertificate]:
    kubelet_client = CertificateSubject("kube-apiserver-kubelet-client", Usage.CLIENT, (KUBELET_API_GROUP,))
    clients = {
        "observer": CertificateSubject("windlass-observer", Usage.CLIENT, (OBSERVERS_GROUP,)),
        "apiserver-kubelet-client": kubelet_client,
        "controller-manager-client": CertificateSubject("system:kube-controller-manager", Usage.CLIENT),
        "scheduler-client": CertificateSubject("system:kube-scheduler", Usage.CLIENT),
    }
    servers = {
        "apiserver": CertificateSubject("kube-apiserver", Usage.SERVER, names=api_names(cluster, host)),
        "controller-manager": CertificateSubject("kube-controller-manager", Usage.SERVER, names=host_names(host)),
        "scheduler": CertificateSubject("kube-scheduler", Usage.SERVER, names=host_names(host)),
    }
    signed = {
        purpose: DesiredCertificate(Signer.KUBERNETES, subject) for purpose, subject in {**clients, **servers}.items()
    }
    return signed | {
        "apiserver-etcd-client": DesiredCertificate(
            Signer.ETCD, CertificateSubject("kube-apiserver-etcd-client", Usage.CLIENT)
        ),
        "front-proxy-client": DesiredCertificate(
            Signer.FRONT_PROXY, CertificateSubject("front-proxy-client", Usage.CLIENT)
        ),
    }


def _kubelet_leaves(host: Host) -> dict[str, DesiredCertificate]:
    client = CertificateSubject(f"system:node:{host.name}", Usage.CLIENT, ("system:nodes",))
    # Kubernetes wants a node's serving certificate to name it just as its client certificate does.
    server = CertificateSubject(f"system:node:{host.name}", Usage.SERVER, ("system:nodes",), host_names(host))
    return {
        "kubelet-client": DesiredCertificate(Signer.KUBERNETES, client),
        "kubelet": DesiredCertificate(Signer.KUBERNETES, server),
    }
