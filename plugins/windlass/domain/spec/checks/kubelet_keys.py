"""Checks of kubelet's keys in a spec: known to the release, fitting, and none that Windlass sets itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from windlass.domain.catalog.flags import ReleaseFlags
from windlass.domain.catalog.kubelet_keys import KeyType, KubeletKeys
from windlass.domain.spec.checks.flag_values import wrong_value
from windlass.domain.spec.checks.flags import too_many_pods
from windlass.domain.spec.flags import own_flags
from windlass.domain.spec.machine_settings import places
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem, nearest

_LEAVE = "leave it out"
_CERTIFICATES = ("Windlass issues, places and renews certificates", "leave it out; CAs of your own: spec.pki.ca")
_ADDRESSES = ("health checks and API servers expect it where Windlass puts it", _LEAVE)
_CONTAINERD = ("Windlass runs containerd there", _LEAVE)
OWNED: Mapping[str, tuple[str, str]] = {
    "apiVersion": ("it is the release's", _LEAVE),
    "kind": ("it is kubelet's", _LEAVE),
    **dict.fromkeys(("address", "port", "healthzPort", "healthzBindAddress", "enableServer"), _ADDRESSES),
    "readOnlyPort": ("it would tell everybody who asks", _LEAVE),
    "authentication": ("without it everybody may run commands in pods", _LEAVE),
    "authorization": ("other than Webhook everybody may do all", _LEAVE),
    **dict.fromkeys(("tlsCertFile", "tlsPrivateKeyFile", "rotateCertificates", "serverTLSBootstrap"), _CERTIFICATES),
    "cgroupDriver": ("containerd must use the same", _LEAVE),
    **dict.fromkeys(("containerRuntimeEndpoint", "imageServiceEndpoint"), _CONTAINERD),
    "clusterDomain": ("the cluster's DNS serves it, and certificates name it", "set spec.network.clusterDomain"),
    "clusterDNS": ("it is the tenth address of spec.network.serviceCidr", _LEAVE),
    "podCIDR": ("each node is given a range of its own", "set spec.network.podCidr"),
    "registerWithTaints": ("it replaces those of all hosts", "set spec.hosts.members[].taints"),
    "registerNode": ("without it there is no node", _LEAVE),
    "runOnce": ("with it kubelet ends", _LEAVE),
    "failSwapOn": (
        "preflight refuses hosts with swap, which memory limits do not count",
        "turn swap off on the hosts",
    ),
    "failCgroupV1": ("it follows from what the host has", _LEAVE),
}
"""Keys that Windlass sets from elsewhere, why, and what to do instead."""
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def problems(
    cluster: Cluster, recorded: Mapping[str, KubeletKeys], flags: Mapping[str, ReleaseFlags]
) -> Iterator[Problem]:
    """Yield what is wrong with kubelet's keys at the version of `cluster`; without a record of it not the names."""
    version = cluster.spec.kubernetes.version
    known = recorded.get(version, KubeletKeys()).keys
    given = own_flags("kubelet", cluster)
    for place, settings, _ in places(cluster):
        for key, value in settings.kubelet.items():
            path: Path = (*place, "kubelet", key)
            if key in OWNED:
                reason, way_out = OWNED[key]
                yield Problem(path, f"`{key}` may not be given: {reason}", way_out)
                continue
            if (flag := _CAPITAL.sub("-", key).lower()) in given:
                wrong = f"kubelet's flag `{flag}` is given too, and takes the place of this"
                yield Problem(path, wrong, "take it out of spec.components.kubelet.extraArgs")
            if known:
                yield from _gaps(
                    {key: known[key]} if key in known else known, {key: value}, path[:-1], version, recorded
                )
            yield from _values(cluster, key, value, path, flags)


def _values(cluster: Cluster, key: str, value: Any, path: Path, flags: Mapping[str, ReleaseFlags]) -> Iterator[Problem]:
    if key == "maxPods" and isinstance(value, int) and (told := too_many_pods(cluster.spec.network, str(value))):
        yield Problem(path, *told)
    kubelet = flags.get(cluster.spec.kubernetes.version, {}).get("kubelet")
    if key == "featureGates" and isinstance(value, Mapping) and kubelet is not None and kubelet.gates:
        for gate in value:
            if gate not in kubelet.gates:
                meant = nearest(gate, kubelet.gates)
                right = f"did you mean `{meant}`?" if meant else "leave it out: it is unknown, or on for good"
                yield Problem((*path, gate), f"kubelet has no feature `{gate}` to switch", right)


def _gaps(
    known: KeyType, value: Any, path: Path, version: str, recorded: Mapping[str, KubeletKeys]
) -> Iterator[Problem]:
    """Yield where a value does not fit a type. Null fits everywhere: it takes a key away."""
    if value is None or known == "any":
        return
    if isinstance(known, Mapping):
        yield from _mapping(known, value, path, version, recorded)
    elif isinstance(known, list):
        if not isinstance(value, list | tuple):
            yield Problem(path, "it is not a list", "write a list, one item a line after `- `")
            return
        for index, inner in enumerate(value):
            yield from _gaps(known[0], inner, (*path, index), version, recorded)
    elif wrong := _wrong(str(known), value):
        yield Problem(path, *wrong)


def _mapping(
    known: Mapping[str, KeyType], value: Any, path: Path, version: str, recorded: Mapping[str, KubeletKeys]
) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, "it is not a mapping", "write keys below it")
        return
    for key, inner in value.items():
        if key in known or "*" in known:
            yield from _gaps(known.get(key, known.get("*", "any")), inner, (*path, key), version, recorded)
            continue
        others = [other for other, keys in recorded.items() if key in keys.keys and other != version]
        meant = nearest(key, known)
        right = (
            f"leave it out: {', '.join(others)} has it" if others else f"did you mean `{meant}`?" if meant else _LEAVE
        )
        yield Problem((*path, key), f"kubelet of {version} has no key `{key}` here, and does not start with it", right)


def _wrong(known: str, value: Any) -> tuple[str, str] | None:
    """Say what keeps a value from being of a type, as Go's JSON reads it."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match known:
        case "text" if not isinstance(value, str):
            return "it is not text", "write it in quotes"
        case "true or false" if not isinstance(value, bool):
            return "it is neither true nor false", "write true or false, without quotes"
        case "whole number" if not is_number or not isinstance(value, int):
            return "it is no whole number", "write one without quotes"
        case "number" if not is_number:
            return "it is no number", "write one without quotes"
        case "duration":
            return wrong_value("duration", value) if isinstance(value, str) else ("it is no duration", 'write "30s"')
    return None
