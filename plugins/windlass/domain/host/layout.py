"""Where things are on a host."""

from __future__ import annotations

from windlass.domain.pki.layout import ENCRYPTION_FILE, KUBECONFIG_DIRECTORY, PKI_DIRECTORY

ETC = "/etc/windlass"
CLUSTER_MARK = f"{ETC}/cluster"
"""Says which cluster a host belongs to, for preflight, for repair and for whoever looks at the host."""
PKI = PKI_DIRECTORY
KUBECONFIGS = KUBECONFIG_DIRECTORY
STACKS = f"{ETC}/stacks"
ENCRYPTION_CONFIG = ENCRYPTION_FILE
KUBELET_CONFIG = f"{ETC}/kubelet/config.yaml"
CONTAINERD_CONFIG = f"{ETC}/containerd/config.toml"
REGISTRY_HOSTS = f"{ETC}/containerd/certs.d"
ETCD_DATA = "/var/lib/windlass/etcd"
AUDIT_LOGS = "/var/log/windlass/audit"
CONTAINERD_ROOT = "/var/lib/windlass/containerd"
CONTAINERD_STATE = "/run/windlass/containerd"
CONTAINERD_SOCKET = "/run/windlass/containerd.sock"
LOCAL_VOLUMES = "/var/lib/windlass/local-path"
CNI_CONFIG = "/etc/cni/net.d"
CNI_BINARIES = "/opt/windlass/cni/bin"
SYSTEMD = "/etc/systemd/system"
DOCKER_DAEMON = "/etc/docker/daemon.json"
KERNEL_PARAMETERS = "/etc/sysctl.d/90-windlass.conf"
KERNEL_MODULES = "/etc/modules-load.d/windlass.conf"

API_PORT = 6443
PROXY_PORT = 7443
PROXY_STATUS_PORT = 7444
"""Loopback only: /healthz of the proxy, and /stats;csv with the state of each API server behind it."""
ETCD_CLIENT_PORT = 2379
ETCD_PEER_PORT = 2380
ETCD_STATUS_PORT = 2381

PROXY_CHECK_SECONDS = 1
PROXY_CHECK_FALL = 2
PROXY_CHECK_TIMEOUT_SECONDS = 2
API_SHUTDOWN_DELAY_SECONDS = 8
"""How long an API server that is told to stop still serves: longer than every proxy needs to notice.

A proxy needs at most PROXY_CHECK_FALL checks, each of its interval and its timeout: 6 s.
"""
API_STOP_GRACE_SECONDS = 75
"""Longer still: the delay, and the 60 s that a request may take."""


def stack_directory(stack: str) -> str:
    """Return the directory of a stack's Compose file and configuration."""
    return f"{STACKS}/{stack}"


def stack_data_directory(stack: str) -> str:
    """Return the directory that is made for what one of the user's stacks keeps."""
    return f"/var/lib/windlass/stacks/{stack}"


def kubernetes_binaries(version: str) -> str:
    """Return the directory of the binaries of Kubernetes `version`."""
    return f"/opt/windlass/{version}/bin"


def artifact_directory(name: str, version: str) -> str:
    """Return the directory of another file artifact, one for each version, so that two can be there at once."""
    return f"/opt/windlass/{name}/{version}"
