"""What a rollout consists of: the kinds of its steps, a step, and how a host differs from what is wanted of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from windlass.domain.host.layout import API_PROXY, PROXY_SERVICE

StepKind = Literal[
    "prefetch",
    "prepare",
    "forget",
    "etcd-join",
    "etcd",
    "widen-proxies",
    "api-server",
    "host",
    "narrow-proxies",
    "leave",
    "add-ons",
]
PREFETCH: StepKind = "prefetch"
PREPARE: StepKind = "prepare"
FORGET: StepKind = "forget"
ETCD_JOIN: StepKind = "etcd-join"
ETCD: StepKind = "etcd"
WIDEN: StepKind = "widen-proxies"
"""Proxies learn of API servers that join, and keep those that leave."""
API_SERVER: StepKind = "api-server"
HOST: StepKind = "host"
NARROW: StepKind = "narrow-proxies"
"""Proxies lead to the API servers of the spec alone."""
LEAVE: StepKind = "leave"
ADD_ONS: StepKind = "add-ons"

ETCD_SERVICE = "etcd/etcd"
API_SERVICE = "control-plane/kube-apiserver"
KUBELET = "kubelet"
KUBELET_CERTIFICATES = "certificates/kubelet"
"""A kubelet that starts again for its certificates alone, with its pods running."""
PROXY = "proxy"
"""The API proxy, where only the list of API servers behind it changes."""
NODE_LINE = "Node "
"""How a line begins that is about the object of a node."""
PROXY_CONTAINER = f"{PROXY_SERVICE}/{PROXY_SERVICE}"
PROXY_RELOADED = f"{API_PROXY} reloaded"

LABELS: Mapping[StepKind, str] = {
    PREFETCH: "fetch everything",
    PREPARE: "prepare",
    FORGET: "forget",
    ETCD_JOIN: "join etcd",
    ETCD: "etcd",
    WIDEN: "proxies to what joins",
    API_SERVER: "API server",
    HOST: "host",
    NARROW: "proxies to what stays",
    LEAVE: "leave",
    ADD_ONS: "add-ons",
}
_OF_ALL = frozenset({PREFETCH, WIDEN, NARROW, ADD_ONS})
"""Kinds of which a plan has one step, which is not told by its hosts."""


@dataclass(frozen=True)
class HostState:
    """How one host differs from what is wanted of it."""

    stale: Mapping[str, str] = field(default_factory=dict)
    """What must change, and how, in words: by `STACK/SERVICE` for containers, else `kubelet`, `containerd`,
    `files`, `settings`, `proxy` for the list of API servers behind it, `certificates`, `programs`, `hooks` that have
    not run there, or `cordon` for a node that an earlier rollout left cordoned."""
    missing: tuple[str, ...] = ()
    """Programs that must be fetched first."""
    images: tuple[str, ...] = ()
    """Images that are fetched before whatever else changes. That they are missing is no change by itself: a runtime
    fetches what it lacks, and a kubelet that is short of room deletes what no pod of its node needs."""

    @property
    def fetches(self) -> tuple[str, ...]:
        """All that is not there yet."""
        return (*self.missing, *self.images)


@dataclass(frozen=True)
class Step:
    """One thing that a rollout does, on hosts that it does it on side by side."""

    kind: StepKind
    hosts: tuple[str, ...]
    does: tuple[str, ...]
    """What is changed, a line each: `cp-1: kube-apiserver v1.36.3 -> v1.37.2`."""
    drains: bool = False
    """Whether the nodes are drained for it."""

    @property
    def gives_labels(self) -> bool:
        """Say whether nodes get their labels and taints in it."""
        return any(line.startswith(NODE_LINE) for line in self.does)

    @property
    def label(self) -> str:
        """Return the step's name, as pages and messages show it."""
        return LABELS[self.kind] + ("" if self.kind in _OF_ALL else f" {', '.join(self.hosts)}")

    def value(self) -> dict[str, Any]:
        """Return the step as plain values, for XCom."""
        return {**asdict(self), "hosts": list(self.hosts), "does": list(self.does), "label": self.label}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Step:
        """Read what `value` wrote."""
        return cls(value["kind"], tuple(value["hosts"]), tuple(value["does"]), drains=value["drains"])
