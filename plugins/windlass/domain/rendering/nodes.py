"""The labels and taints of nodes."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.spec.models import Host

_ROLE_PREFIX = "node-role.kubernetes.io/"
CONTROL_PLANE_TAINT = f"{_ROLE_PREFIX}control-plane:NoSchedule"
_RESERVED = ("kubernetes.io", "k8s.io")
_KUBELET_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")
"""Prefixes within the reserved ones that NodeRestriction lets a kubelet set; subdomains of them too."""
_KUBELET_LABELS = {
    "kubernetes.io/hostname",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "node.kubernetes.io/instance-type",
}


@dataclass(frozen=True)
class Taint:
    """One taint of a node."""

    key: str
    value: str
    effect: str

    @classmethod
    def parse(cls, text: str) -> Taint:
        """Read `key=value:Effect` or `key:Effect`."""
        name, _, effect = text.rpartition(":")
        key, _, value = name.partition("=")
        return cls(key, value, effect)


def node_labels(host: Host) -> dict[str, str]:
    """Return all labels that the node should have: its roles' and the spec's."""
    roles = {f"{_ROLE_PREFIX}{role}": "" for role in host.roles}
    return roles | dict(host.labels)


def kubelet_labels(host: Host) -> dict[str, str]:
    """Return the labels that the kubelet may give its own node when it registers."""
    return {key: value for key, value in node_labels(host).items() if _kubelet_may_set(key)}


def node_taints(host: Host) -> tuple[Taint, ...]:
    """Return the taints of the node: the spec's, and the control plane's unless the host is a worker too."""
    written = list(host.taints)
    if "control-plane" in host.roles and "worker" not in host.roles and CONTROL_PLANE_TAINT not in written:
        written.insert(0, CONTROL_PLANE_TAINT)
    return tuple(Taint.parse(text) for text in written)


def _kubelet_may_set(label: str) -> bool:
    prefix = label.rpartition("/")[0]
    if label in _KUBELET_LABELS or not _is_below(prefix, _RESERVED):
        return True
    return _is_below(prefix, _KUBELET_PREFIXES)


def _is_below(prefix: str, domains: tuple[str, ...]) -> bool:
    return any(prefix == domain or prefix.endswith(f".{domain}") for domain in domains)
