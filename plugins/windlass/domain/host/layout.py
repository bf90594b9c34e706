"""Where things are on a host and what they are called there: the only paths, ports and labels.

Templates in include/ write some of them out, as does what is shipped to a host and imports nothing; a test compares.
"""

from __future__ import annotations

ETC = "/etc/windlass"
"""What Windlass sets up, keys among it."""
DATA = "/var/lib/windlass"
"""What is kept: etcd's data, containerd's, volumes."""
PROGRAMS = "/opt/windlass"
"""Programs, by version."""
RUN = "/run/windlass"
"""What lives until the next boot."""
CLUSTER_MARK = f"{ETC}/cluster"
"""Says which cluster a host belongs to, for preflight, for repair and for whoever looks at the host."""
FENCE = f"{ETC}/fence"
"""The highest counter of a lease that has changed the host; it goes with the cluster."""
PKI = f"{ETC}/pki"
"""Keys and certificates of the host."""
API_SERVER_PKI = f"{PKI}/kube-apiserver"
"""All that the API server needs of the PKI, with the encryption of Secrets: its container sees it in place of `PKI`.

The same files lie in `PKI` and `ETC` too, where API servers that an earlier release started read them.
"""
CONTROLLER_MANAGER_PKI = f"{PKI}/controller-manager"
"""What the controller manager needs of the PKI, in a directory of its own: its container sees no more of it."""
SCHEDULER_PKI = f"{PKI}/scheduler"
"""The same for the scheduler."""
SEALED_PKI = f"{ETC}/pki.sealed"
"""The PKI as it is stored, after what says which spec and PKI of which store the host was given."""
CLIENT_CA = f"{ETC}/pki/client-ca.crt"
"""The authorities whose client certificates the API server takes, where those of people are among them."""
KUBECONFIGS = f"{ETC}/kubeconfigs"
"""By which kubelet and the other components reach the API."""
ADMIN_KUBECONFIG = f"{KUBECONFIGS}/admin.conf"
"""A cluster-admin's login, which lies on no host: earlier releases laid it there."""
STACKS = f"{ETC}/stacks"
"""The Compose file and the configuration of each stack of containers."""
ENCRYPTION_CONFIG = f"{ETC}/encryption.yaml"
"""How Secrets are encrypted in etcd, with the keys."""
KUBELET_CONFIG = f"{ETC}/kubelet/config.yaml"
"""Settings of kubelet."""
CONTAINERD_CONFIG = f"{ETC}/containerd/config.toml"
"""Settings of the containerd that runs the pods."""
CONTAINERD_IMPORTS = f"{ETC}/containerd/conf.d"
"""What the spec has containerd read besides its own settings."""
REGISTRY_HOSTS = f"{ETC}/containerd/certs.d"
"""Where containerd finds the mirror's registry."""
OWN_REGISTRY_HOSTS = "/etc/containerd/certs.d"
"""Where files of the spec's own say which mirrors, logins and CAs containerd uses for registries."""
ETCD_DATA = f"{DATA}/etcd"
"""Data of the host's member of etcd."""
APPLIED = f"{DATA}/applied"
"""What each unit was last started with: a file a unit, with the digest of all that it reads."""
KUBELET_DATA = "/var/lib/kubelet"
"""What kubelet keeps: pods' volumes, its own certificates."""
DRILLS = f"{DATA}/drills"
"""A restore drill while it is at work."""
AUDIT_LOGS = "/var/log/windlass/audit"
"""What the API server writes of each request."""
CONTAINERD_ROOT = f"{DATA}/containerd"
"""Images and containers of pods."""
CONTAINERD_STATE = f"{RUN}/containerd"
"""State of the running containers of pods."""
CONTAINERD_SOCKET = f"{RUN}/containerd.sock"
"""Where that containerd answers."""
LOCAL_VOLUMES = f"{DATA}/local-path"
"""Volumes of local-path."""
ARTIFACTS = f"{PROGRAMS}/artifacts"
"""What was fetched, by content."""
DOCKER_UNFINISHED = f"{PROGRAMS}/docker-unfinished"
"""Is there while Docker Engine is being installed, and after an installation that broke off."""
CNI_CONFIG = "/etc/cni/net.d"
"""Settings of the network driver, as it writes them."""
CNI_BINARIES = f"{PROGRAMS}/cni/bin"
"""Plugins of the network."""
SYSTEMD = "/etc/systemd/system"
"""Units of Windlass: kubelet, its containerd, and Docker Engine where Windlass brought it."""
DOCKER_DAEMON = "/etc/docker/daemon.json"
"""Settings of Docker Engine, to which Windlass adds what is missing."""
ENGINE_UNIT = f"{SYSTEMD}/docker.service"
"""Unit of Docker Engine, where Windlass brought it."""
ENGINE_MARK = "# Written by Windlass, which brought this engine"
"""The first line of the unit of a Docker Engine that Windlass installed; it goes with the cluster."""
DOCKER_PLUGINS = "/usr/local/lib/docker"
"""Where the Compose plugin lies."""
KERNEL_PARAMETERS = "/etc/sysctl.d/90-windlass.conf"
"""Kernel parameters that Kubernetes needs."""
PROXY_ENVIRONMENT = f"{ETC}/proxy.env"
"""The proxy for what is outside, as variables; it may hold a login."""
DOCKER_PROXY = f"{SYSTEMD}/docker.service.d/90-windlass-proxy.conf"
"""Has Docker Engine take the proxy for what is outside."""
OWN_PARAMETERS = "/etc/sysctl.d/91-windlass-own.conf"
"""The kernel parameters of the spec, which are set after Windlass's own."""
HOST_RECORD = f"{ETC}/before"
"""What the host was before it became a cluster's: noted before anything is changed, put back when the cluster goes."""
DOCKER_BEFORE = f"{HOST_RECORD}/kept{DOCKER_DAEMON}"
"""Docker's settings as they were before."""
DOCKER_ADDED = f"{HOST_RECORD}/docker-settings.json"
"""What Windlass has added to Docker's settings."""
DOCKER_RESTORED = f"{HOST_RECORD}/daemon.json"
"""What Docker's settings shall be without it; empty where there shall be none."""
OWN = f"{DATA}/own"
"""What is known of files that are the spec's own: which were written, and what lay there before."""
KERNEL_MODULES = "/etc/modules-load.d/windlass.conf"
"""Kernel modules that are loaded at boot."""

API_PROXY = "API proxy"
"""What plans call the settings of the stack `api-proxy`, which it takes over while it runs."""
PROXY_SERVICE = "api-proxy"
PROXY_CONFIG = f"{STACKS}/{PROXY_SERVICE}/haproxy.cfg"
"""Settings of the API proxy."""
PROXY_CONTAINER = f"windlass-{PROXY_SERVICE}"
PROXY_TRUST = "API proxy authority"
"""What plans call what it tells API servers by, which it takes over in the same way."""
PROXY_CA = f"{ETC}/pki/{PROXY_SERVICE}/ca.crt"
"""By what the API proxy checks API servers.

In a directory of its own, which is mounted as a whole: a file that is mounted by itself stays the old one.
"""

ADDRESS_STACK = "virtual-address"
"""The stack that keeps the API's virtual address on one of the control-plane hosts."""
ADDRESS_SERVICE = "keepalived"
ADDRESS_CONFIG = f"{STACKS}/{ADDRESS_STACK}/keepalived.conf"
"""Settings of what keeps the API's virtual address."""
ADDRESS_CONTAINER = f"windlass-{ADDRESS_SERVICE}"
VIRTUAL_ROUTER = 164
"""Number of the hosts that share the address (VRRP's VRID): they listen to each other alone, so that one will do."""
VRRP = 112
"""Number of the protocol above IP by which they agree on who holds it (RFC 9568)."""
VIRTUAL_ADDRESS = "virtual address"
"""What plans call the settings of the stack `virtual-address`, which it takes over while it runs."""

API_SERVER = "kube-apiserver"
API_SERVER_NAME = "kubernetes"
"""The name that only certificates of API servers have: whoever asks one looks for it, however it gets there.

Certificates of the same authority name hosts and their addresses, a kubelet's too, and a tunnel or the API proxy ends
at 127.0.0.1. Every certificate that Windlass ever issued to an API server has this name, and no host may be called so.
"""
API_PORT = 6443
"""The API server, on all addresses of the host."""
PROXY_PORT = 7443
"""Loopback only: the API proxy, by which everything on the host reaches an API server that is up."""
PROXY_STATUS_PORT = 7444
"""Loopback only: /healthz of the proxy, and /stats;csv with the state of each API server behind it."""
ETCD_CLIENT_PORT = 2379
"""etcd for its clients, the API servers: on the host's address and on loopback."""
ETCD_PEER_PORT = 2380
"""etcd among its members, on the host's address."""
ETCD_STATUS_PORT = 2381
"""Health and metrics of etcd: by TLS on the host's address, plain on loopback."""
KUBELET_PORT = 10250
"""kubelet, on all addresses of the host."""
CONTROLLER_MANAGER_PORT = 10257
"""The controller manager, on the host's address."""
SCHEDULER_PORT = 10259
"""The scheduler, on the host's address."""
PROXY_METRICS_PORT = 10249
"""Metrics of kube-proxy, on loopback."""
POLICY_METRICS_PORT = 10263
"""Metrics of what enforces network policies, on loopback."""

CLUSTER_LABEL = "io.windlass.cluster"
"""Of a container: its cluster. This and what follows stand on each that a stack runs."""
COMPONENT_LABEL = "io.windlass.component"
"""Of a container: which component it is."""
VERSION_LABEL = "io.windlass.version"
"""Of a container: the version of its component."""
DIGEST_LABEL = "io.windlass.digest"
"""Of a container: the digest of its service as rendered."""
CONFIG_LABEL = "io.windlass.config"
"""Of a container: the digest of the files that its service reads."""
PROJECT_LABEL = "com.docker.compose.project"
DRILL_LABEL = "io.windlass.drill"
"""Of a container: the restore drill that runs it."""
ADDON_LABEL = "io.windlass/addon"
"""Of an object in Kubernetes: what it belongs to."""
TRUST_ANNOTATION = "io.windlass/authority"
"""Of pods of Windlass's own services: which authorities of the cluster they have read. `pki.trust.pods_trust` asks."""
CONFIG_ANNOTATION = "io.windlass/config"
"""Of a pod template: the digest of the configuration that its pods read, so that a change starts them again."""
EVICTABLE = "io.windlass/evict"
"""A pod without a controller that has this annotation (`true`) may be evicted, and is gone then."""
CORDONED = "io.windlass/cordoned"
"""Annotation of a node that a rollout cordoned, so that it is opened again; one that somebody else cordoned stays."""
NODE_SETTINGS = "io.windlass/settings"
"""Annotation of a node: which labels and taints Windlass has set, so that those which leave the spec are removed."""
CORDONED_BY = "io.windlass/cordoned-by"
"""Annotation of a node that remediation has cordoned, and opens again."""

PROXY_CHECK_SECONDS = 1
PROXY_CHECK_FALL = 2
PROXY_CHECK_TIMEOUT_SECONDS = 2
API_SHUTDOWN_DELAY_SECONDS = 5
"""How long an API server that is told to stop still serves: longer than every proxy needs to notice.

Its /readyz fails from the first moment on (https://github.com/kubernetes/kubernetes/pull/88911), and the first check
that hears so ends new connections to it: that takes an interval and an answer, 3 s at most. A proxy that heard nothing
by then finds a port that refuses connections, and takes the next server.
"""
API_STOP_GRACE_SECONDS = 75
"""Longer still: the delay, and the 60 s that a request may take."""


def stack_directory(stack: str) -> str:
    """Return the directory of a stack's Compose file and configuration."""
    return f"{STACKS}/{stack}"


DELETES_DATA = "x-windlass-data: delete"
"""The line of a Compose file that says that the stack's data go with it."""


def stack_data_directory(stack: str) -> str:
    """Return the directory that is made for what one of the user's stacks keeps."""
    return f"{DATA}/stacks/{stack}"


def kubernetes_binaries(version: str) -> str:
    """Return the directory of the binaries of Kubernetes `version`."""
    return f"{PROGRAMS}/{version}/bin"


def artifact_directory(name: str, version: str) -> str:
    """Return the directory of another file artifact, one for each version, so that two can be there at once."""
    return f"{PROGRAMS}/{name}/{version}"
