"""Values that fit a flag's type, and with which a component ends all the same: words that it does not know, ranges.

Programs tell of most of them only in the prose of their help. Sources: `Validate` of k8s.io/apiserver/pkg/server,
of k8s.io/kubernetes/pkg/kubelet/apis/config/validation and k8s.io/component-base, and etcd's embed/config.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from windlass.domain.spec.checks.flag_values import is_true, listed, seconds, wrong_value
from windlass.domain.spec.flags import Flags, own_flags
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem, nearest

_TLS = ("VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13")
_LOGS = ("text", "json")
_MODES = ("batch", "blocking", "blocking-strict")
_WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "etcd": {
        "auto-compaction-mode": ("periodic", "revision"),
        "log-level": ("debug", "info", "warn", "error", "dpanic", "panic", "fatal"),
        "logger": ("zap",),
        "metrics": ("basic", "extensive"),
    },
    "kube-apiserver": {
        "audit-log-format": ("json", "legacy"),
        "audit-log-mode": _MODES,
        "audit-webhook-mode": _MODES,
        "logging-format": _LOGS,
        "storage-backend": ("etcd3",),
        "tls-min-version": _TLS,
    },
    "kube-controller-manager": {"logging-format": _LOGS, "tls-min-version": _TLS},
    "kube-proxy": {"logging-format": _LOGS},
    "kube-scheduler": {"logging-format": _LOGS, "tls-min-version": _TLS},
    "kubelet": {
        "cpu-manager-policy": ("none", "static"),
        "hairpin-mode": ("promiscuous-bridge", "hairpin-veth", "none"),
        "logging-format": _LOGS,
        "memory-manager-policy": ("None", "Static"),
        "tls-min-version": _TLS,
        "topology-manager-policy": ("none", "best-effort", "restricted", "single-numa-node"),
        "topology-manager-scope": ("container", "pod"),
    },
}
"""Of flags that take one of a few words, all of them."""
_AUTHORIZERS = ("Node", "RBAC", "AlwaysAllow", "AlwaysDeny")
_WITH_FILES = ("ABAC", "Webhook")
_MOST_GOAWAY = 0.02
_SHORTEST_TOKEN = 3600.0
_RESERVED = ("system-reserved", "kube-reserved")
_IPAM = frozenset({"-nodeipam", "-node-ipam-controller"})


def wrong_choices(cluster: Cluster) -> Iterator[Problem]:
    """Yield the values with which a component of `cluster` ends, or does not do what the cluster needs."""
    for component, words in _WORDS.items():
        for name, values in own_flags(component, cluster).items():
            for value in values if name in words else ():
                if value not in words[name]:
                    yield Problem(_path(component, name), *_no_such(component, name, value, words[name]))
    for component, rule in _RULES:
        flags = own_flags(component, cluster)
        for name, wrong, right in rule(cluster, flags):
            yield Problem(_path(component, name), wrong, right)


def _path(component: str, name: str) -> Path:
    return ("spec", "components", component, "extraArgs", name)


def _no_such(component: str, name: str, value: str, words: tuple[str, ...]) -> tuple[str, str]:
    meant = nearest(value, words)
    advice = f"did you mean `{meant}`? it may be " if meant else "give one of "
    return f"{component} does not start with `{name}` `{value}`", f"{advice}{', '.join(words)}"


_Told = Iterator[tuple[str, str, str]]
"""Flag, what is wrong with it, and what would be right."""
_Rule = Callable[[Cluster, Flags], _Told]


def _authorizers(_: Cluster, flags: Flags) -> _Told:
    for mode in listed(flags.get("authorization-mode", ())):
        if mode in _WITH_FILES:
            wrong = f"kube-apiserver does not start with {mode} without a file that no host has"
            yield "authorization-mode", wrong, f"take {mode} out; Node and RBAC authorize what Kubernetes needs"
        elif mode not in _AUTHORIZERS:
            wrong = f"kube-apiserver knows no authorization mode `{mode}`, and does not start with it"
            yield "authorization-mode", wrong, f"give some of {', '.join(_AUTHORIZERS)}"


def _api_server(_: Cluster, flags: Flags) -> _Told:
    chance, longest = _last(flags, "goaway-chance"), _last(flags, "service-account-max-token-expiration")
    if chance and not wrong_value("float", chance) and not 0 <= float(chance) <= _MOST_GOAWAY:
        wrong = f"kube-apiserver does not start with a chance of {chance}"
        yield "goaway-chance", wrong, f"give 0 to {_MOST_GOAWAY}, such as 0.001"
    if longest and not wrong_value("duration", longest) and 0 < seconds(longest) < _SHORTEST_TOKEN:
        wrong = f"kube-apiserver does not start with {longest}: tokens live an hour at least"
        yield "service-account-max-token-expiration", wrong, 'give "1h" or more'
    limits = [_last(flags, name) for name in ("max-requests-inflight", "max-mutating-requests-inflight")]
    if all(limit == "0" for limit in limits):
        wrong = "kube-apiserver does not start where it may answer no request at all"
        yield "max-requests-inflight", wrong, "leave both limits out, or give at least one of them"


def _ranges_of_nodes(cluster: Cluster, flags: Flags) -> _Told:
    """Keep the controller that gives nodes their ranges, where the network needs them."""
    named = listed(flags.get("controllers", ()))
    driver = cluster.spec.network.driver
    if driver == "none" or not named:
        return
    if _IPAM & set(named) or not {"*", *(one[1:] for one in _IPAM)} & set(named):
        wrong = f"without the controller node-ipam-controller nodes get no ranges, which {driver} needs"
        yield "controllers", wrong, "begin the list with `*`, and leave that one in"


def _allocatable(_: Cluster, flags: Flags) -> _Told:
    name = "enforce-node-allocatable"
    enforced = set(listed(flags.get(name, ())) if name in flags else ["pods"]) - {"none"}
    if enforced and not is_true(_last(flags, "cgroups-per-qos") or "true"):
        wrong = "kubelet does not start without a cgroup for each class of pods while it enforces what pods may take"
        yield "cgroups-per-qos", wrong, "leave it out"
    for kind in _RESERVED:
        if kind in enforced and not _last(flags, f"{kind}-cgroup"):
            wrong = f"kubelet does not start with {kind} unless it knows the cgroup of what that is for"
            yield name, wrong, f"give {kind}-cgroup too, or take {kind} out of the list"


def _pinned(_: Cluster, flags: Flags) -> _Told:
    reserved = [*listed(flags.get("system-reserved", ())), *listed(flags.get("kube-reserved", ()))]
    has_cpu = bool(_last(flags, "reserved-cpus")) or any(one.startswith("cpu=") for one in reserved)
    if _last(flags, "cpu-manager-policy") == "static" and not has_cpu:
        wrong = "kubelet does not start with the policy static while no processor is reserved for the system"
        yield "cpu-manager-policy", wrong, 'give system-reserved too, such as "cpu=500m"'


def _last(flags: Flags, name: str) -> str:
    return flags.get(name, ("",))[-1]


_RULES: tuple[tuple[str, _Rule], ...] = (
    ("kube-apiserver", _authorizers),
    ("kube-apiserver", _api_server),
    ("kube-controller-manager", _ranges_of_nodes),
    ("kubelet", _allocatable),
    ("kubelet", _pinned),
)
