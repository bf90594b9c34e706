"""The labels and taints of nodes."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.spec.models import Host

_ROLE_PREFIX = "node-role.kubernetes.io/"
CONTROL_PLANE_TAINT = f"{_ROLE_PREFIX}control-plane:NoSchedule"


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
    """Return all labels that the node should have: its roles' and the spec's.

    They are set through the API alone: a kubelet would set them only when it registers its node, and not all of them
    (NodeRestriction), and would have to start again for each change.
    """
    roles = {f"{_ROLE_PREFIX}{role}": "" for role in host.roles}
    return roles | dict(host.labels)


def node_taints(host: Host) -> tuple[Taint, ...]:
    """Return the taints of the node: the spec's, and the control plane's unless the host is a worker too."""
    written = list(host.taints)
    if "control-plane" in host.roles and "worker" not in host.roles and CONTROL_PLANE_TAINT not in written:
        written.insert(0, CONTROL_PLANE_TAINT)
    return tuple(Taint.parse(text) for text in written)
