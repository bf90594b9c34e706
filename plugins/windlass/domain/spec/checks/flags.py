"""Checks of the flags of components: a release knows them, their values fit, and they get along with the rest.

A stored spec is not asked: an earlier Windlass accepted it, and the gate of a rollout asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from urllib.parse import urlsplit

from windlass.domain.catalog.flags import COMPONENTS, ComponentFlags, ReleaseFlags
from windlass.domain.host.layout import (
    AUDIT_LOGS,
    CONTROLLER_MANAGER_PKI,
    KUBECONFIGS,
    PKI,
    SCHEDULER_PKI,
)
from windlass.domain.spec.checks.flag_choices import wrong_choices
from windlass.domain.spec.checks.flag_values import is_true, listed, seconds, takes_one_value, whole_number, wrong_value
from windlass.domain.spec.checks.owned_flags import owned_flag
from windlass.domain.spec.flags import own_flags
from windlass.domain.spec.models import Cluster, Network
from windlass.domain.spec.problem import Path, Problem, nearest

_USUAL_MASK = 24
_NOT_PODS = 3
"""Addresses of a node's range that no pod can have: the network's own, the bridge's and the broadcast address."""
_THERE: Mapping[str, tuple[str, ...]] = {
    "etcd": (f"{PKI}/etcd/",),
    "kube-apiserver": (f"{PKI}/", f"{AUDIT_LOGS}/"),
    "kube-controller-manager": (f"{CONTROLLER_MANAGER_PKI}/", f"{KUBECONFIGS}/"),
    "kube-scheduler": (f"{SCHEDULER_PKI}/", f"{KUBECONFIGS}/"),
    "kubelet": (f"{PKI}/", "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/var/lib/kubelet/"),
}
"""Where a component finds files: what Windlass places and the component sees, and what every host has."""
_FILES = ("-file", "-kubeconfig", "-dir", "-path", "-config", "-certificate", "-certfile", "-keyfile", "-cafile")
"""Ends of the names of flags whose values are files."""
_NO_FILES = frozenset({"runtime-config", "authorization-always-allow-paths", "etcd-prefix", "volume-plugin-dir"})
_NO_FILE_ENDS = ("-cgroup", "-cgroups", "cgroup-root")
_STANDARD_STREAMS = frozenset({"", "-"})
_JITTER = 1.2
"""Of retries, in client-go: a leader must have time for one before its deadline."""
_LEADER_DEFAULTS = {"lease-duration": "10s", "renew-deadline": "7s", "retry-period": "1s"}


def problems(cluster: Cluster, known_flags: Mapping[str, ReleaseFlags]) -> Iterator[Problem]:
    """Yield what is wrong with the flags of `cluster` at its version; of a release without a record not the names."""
    version = cluster.spec.kubernetes.version
    recorded = known_flags.get(version, {})
    for component in cluster.spec.components:
        if component not in COMPONENTS:
            continue
        known = recorded.get(component)
        for name, values in own_flags(component, cluster).items():
            path: Path = ("spec", "components", component, "extraArgs", name)
            owned = owned_flag(component, name)
            if owned and not all(map(owned.allows, values)):
                yield Problem(path, f"`{name}` may not be given: {owned.reason}", owned.way_out)
            elif known is not None and name not in known.flags:
                yield Problem(path, *_unknown(component, name, version, known_flags))
            else:
                own = _own_files(cluster) if component == "kubelet" else frozenset()
                yield from _values(component, name, values, known or ComponentFlags(), path, own)
    yield from chain.from_iterable(rule(cluster) for rule in _RULES)


def _unknown(component: str, name: str, version: str, known_flags: Mapping[str, ReleaseFlags]) -> tuple[str, str]:
    wrong = f"{component} of {version} has no flag `{name}`, and does not start with it"
    others = [other for other, flags in known_flags.items() if component in flags and name in flags[component].flags]
    if others:
        return wrong, f"leave it out: {', '.join(others)} had it"
    meant = nearest(name, known_flags[version][component].flags)
    return wrong, f"did you mean `{meant}`?" if meant else f"see `{component} --help`"


def _values(
    component: str, name: str, values: tuple[str, ...], known: ComponentFlags, path: Path, own: frozenset[str]
) -> Iterator[Problem]:
    kind = known.flags[name].type if name in known.flags else ""
    if len(values) > 1 and known.flags and takes_one_value(component, kind):
        yield Problem(path, f"of `{name}` only the last value counts", "give one value")
    for value in values:
        if wrong := wrong_value(kind, value) or _missing_file(component, name, value, own):
            yield Problem(path, *wrong)
        if name == "feature-gates" and known.gates:
            yield from _gates(component, value, known.gates, path)


def _own_files(cluster: Cluster) -> frozenset[str]:
    """Return the files that the spec itself places on every host."""
    return frozenset(file.path for file in cluster.spec.files)


def _missing_file(component: str, name: str, value: str, own: frozenset[str]) -> tuple[str, str] | None:
    if name in _NO_FILES or name.endswith(_NO_FILE_ENDS) or value in _STANDARD_STREAMS:
        return None
    if not (value.startswith("/") or name.endswith(_FILES)) or value.startswith(_THERE.get(component, ())):
        return None
    if component == "kubelet":
        is_there = any(path == value or path.startswith(f"{value}/") for path in own)
        told = "hosts have only what Windlass places there", "give it under spec.files, or leave it out"
        return None if is_there else (f"kubelet finds no file `{value}`: {told[0]}", told[1])
    return (
        f"{component} finds no file `{value}`: its container has only what Windlass places there",
        "leave it out; files of your own in containers of the control plane are planned, not there yet",
    )


def _gates(component: str, value: str, gates: tuple[str, ...], path: Path) -> Iterator[Problem]:
    for pair in filter(None, value.split(",")):
        name, equals, state = pair.partition("=")
        gate = name.rpartition(":")[2]
        if not equals or wrong_value("bool", state):
            yield Problem(path, f"`{pair}` switches no feature", "write `NAME=true` or `NAME=false`")
        elif gate not in gates:
            meant = nearest(gate, gates)
            advice = f"did you mean `{meant}`?" if meant else "leave it out: it is unknown, or on for good"
            yield Problem(path, f"{component} has no feature `{gate}` to switch", advice)


def too_many_pods(network: Network, given: str) -> tuple[str, str] | None:
    """Say why a node cannot have so many pods, and what to give: each takes an address of the node's range."""
    bits, mask = (32, network.node_mask) if network.pod_range(4) else (128, network.node_mask_ipv6)
    most = 2 ** (bits - mask) - _NOT_PODS
    count = whole_number(given)
    if network.driver == "none" or count is None or count <= most:
        return None
    wrong = f"a node takes a /{mask} of the pods' range, which has {most} addresses, not {given}"
    return wrong, f"give at most {most}, better 110; for more pods add nodes"


def _most_pods(cluster: Cluster) -> Iterator[Problem]:
    for value in own_flags("kubelet", cluster).get("max-pods", ())[-1:]:
        path = ("spec", "components", "kubelet", "extraArgs", "max-pods")
        count = whole_number(value)
        if count is not None and count <= 0:
            yield Problem(path, f"a node with at most {count} pods runs none", "give 1 or more, better 110")
        elif wrong := too_many_pods(cluster.spec.network, value):
            yield Problem(path, *wrong)


def _node_masks(cluster: Cluster) -> Iterator[Problem]:
    """Let the controller manager's own flags stand where they say what the spec says, and not beside others."""
    network, path = cluster.spec.network, ("spec", "components", "kube-controller-manager", "extraArgs")
    is_plain = network.node_mask == _USUAL_MASK and network.pod_range(6) is None
    for name in ("node-cidr-mask-size", "node-cidr-mask-size-ipv4"):
        if name in own_flags("kube-controller-manager", cluster) and not is_plain:
            yield Problem((*path, name), "spec.network says how long the nodes' ranges are", "leave the flag out")


def _node_ranges(cluster: Cluster) -> Iterator[Problem]:
    given = own_flags("kube-controller-manager", cluster).get("allocate-node-cidrs", ("true",))[-1]
    if not is_true(given) and cluster.spec.network.driver != "none":
        path = ("spec", "components", "kube-controller-manager", "extraArgs", "allocate-node-cidrs")
        wrong = f"{cluster.spec.network.driver} needs the ranges that nodes are given"
        yield Problem(path, wrong, "leave it out, or set spec.network.driver to none")


def _admission(cluster: Cluster) -> Iterator[Problem]:
    path: Path = ("spec", "components", "kube-apiserver", "extraArgs")
    own = own_flags("kube-apiserver", cluster)
    enabled, disabled = (listed(own.get(f"{what}-admission-plugins", ())) for what in ("enable", "disable"))
    if enabled and "NodeRestriction" not in enabled:
        wrong = "without NodeRestriction one kubelet may change the nodes and pods of others"
        yield Problem((*path, "enable-admission-plugins"), wrong, "add NodeRestriction to the list")
    for plugin, right in (
        ("NodeRestriction", "take it out of the list"),
        ("PodSecurity", "take it out of the list, and set spec.security.podSecurity to privileged"),
    ):
        if plugin in disabled:
            wrong = f"API servers do not start with {plugin} both enabled and disabled"
            yield Problem((*path, "disable-admission-plugins"), wrong, right)
    modes = listed(own.get("authorization-mode", ()))
    if modes and not {"Node", "RBAC"} <= set(modes):
        wrong = "kubelets are authorized by Node, everybody else by RBAC"
        yield Problem(
            (*path, "authorization-mode"), wrong, f"write {','.join(dict.fromkeys(['Node', 'RBAC', *modes]))}"
        )


def _issuers(cluster: Cluster) -> Iterator[Problem]:
    """Check what kube-apiserver checks of issuers when it starts."""
    path = ("spec", "components", "kube-apiserver", "extraArgs", "service-account-issuer")
    issuers = own_flags("kube-apiserver", cluster).get("service-account-issuer", ())
    for index, issuer in enumerate(issuers):
        if not issuer or (":" in issuer and not urlsplit(issuer).scheme):
            yield Problem(path, f"`{issuer}` is no issuer of tokens", "write a URL, such as https://id.example.com")
        if issuer in issuers[:index]:
            yield Problem(path, f"`{issuer}` is given twice", "give each issuer once")


def _leadership(cluster: Cluster) -> Iterator[Problem]:
    """Check what client-go checks when it starts: a lease outlasts its renewal, and that its retries."""
    for component in ("kube-controller-manager", "kube-scheduler"):
        own = own_flags(component, cluster)
        texts = [own.get(f"leader-elect-{name}", (default,))[-1] for name, default in _LEADER_DEFAULTS.items()]
        if any(wrong_value("duration", text) for text in texts):
            continue
        lease, renewal, retry = map(seconds, texts)
        if not lease > renewal > _JITTER * retry > 0:
            path = ("spec", "components", component, "extraArgs")
            named = ", ".join(f"leader-elect-{name} {text}" for name, text in zip(_LEADER_DEFAULTS, texts, strict=True))
            right = f"make the lease longer than the deadline, and that longer than {_JITTER} periods"
            yield Problem(path, f"{component} does not start with {named}", right)


_RULES: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (
    wrong_choices,
    _most_pods,
    _node_masks,
    _node_ranges,
    _admission,
    _issuers,
    _leadership,
)
