"""The documents that kubeadm is given: one for the first control plane, one for each join. Values only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from bench.kubeadm_host import SOCKET, Mirror, Versions

_API = "kubeadm.k8s.io/v1beta4"
POD_NETWORK = "10.244.0.0/16"
SERVICE_NETWORK = "10.96.0.0/12"
DNS_ADDRESS = "10.96.0.10"


@dataclass(frozen=True)
class Secrets:
    """What hosts prove to one another that they belong together; new for each cluster."""

    token: str = field(default_factory=lambda: f"{secrets.token_hex(3)}.{secrets.token_hex(8)}", repr=False)
    certificate_key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)


@dataclass(frozen=True)
class Node:
    """A host as a node: its name, its address, and whether its kernel mounts cgroup v1."""

    name: str
    address: str
    has_cgroup_v1: bool

    def registration(self) -> dict[str, Any]:
        """Say how kubelet presents the host."""
        return {
            "name": self.name,
            "criSocket": f"unix://{SOCKET}",
            "kubeletExtraArgs": [{"name": "node-ip", "value": self.address}],
            "ignorePreflightErrors": ["all"],  # which cannot look at the kernel of a container
            "imagePullPolicy": "IfNotPresent",
        }


def init_documents(node: Node, mirror: Mirror, versions: Versions, known: Secrets) -> list[dict[str, Any]]:
    """Return what `kubeadm init` is given on the first control plane."""
    return [
        {
            "apiVersion": _API,
            "kind": "InitConfiguration",
            "bootstrapTokens": [{"token": known.token}],
            "certificateKey": known.certificate_key,
            "localAPIEndpoint": {"advertiseAddress": node.address},
            "nodeRegistration": node.registration(),
        },
        {
            "apiVersion": _API,
            "kind": "ClusterConfiguration",
            "kubernetesVersion": versions.kubernetes,
            "controlPlaneEndpoint": f"{node.address}:6443",
            "imageRepository": mirror.repository,
            "networking": {"podSubnet": POD_NETWORK, "serviceSubnet": SERVICE_NETWORK},
            "etcd": {"local": {"imageTag": versions.etcd}},
            "dns": {"imageTag": versions.coredns_tag or versions.coredns},
        },
        _kubelet(node),
        # Its sysctl is read-only in the lab.
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "conntrack": {"maxPerCore": 0},
        },
    ]


def join_documents(
    node: Node, first: Node, known: Secrets, ca_hash: str, *, control_plane: bool
) -> list[dict[str, Any]]:
    """Return what `kubeadm join` is given on a further host; `ca_hash` is that of the cluster CA's public key."""
    document: dict[str, Any] = {
        "apiVersion": _API,
        "kind": "JoinConfiguration",
        "nodeRegistration": node.registration(),
        "discovery": {
            "bootstrapToken": {
                "token": known.token,
                "apiServerEndpoint": f"{first.address}:6443",
                "caCertHashes": [f"sha256:{ca_hash}"],
            }
        },
    }
    if control_plane:
        document["controlPlane"] = {
            "localAPIEndpoint": {"advertiseAddress": node.address},
            "certificateKey": known.certificate_key,
        }
    return [document]


def _kubelet(node: Node) -> dict[str, Any]:
    document: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "systemd",
        "failSwapOn": False,
    }
    return document | ({"failCgroupV1": False} if node.has_cgroup_v1 else {})
