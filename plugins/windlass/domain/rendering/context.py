"""What templates see."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Release
from windlass.domain.host import layout
from windlass.domain.host.facts import HostFacts
from windlass.domain.rendering.images import MirrorAddresses, image_reference
from windlass.domain.rendering.nodes import node_taints
from windlass.domain.rendering.templates import Templates
from windlass.domain.spec.checks.people import RESERVED_PREFIXES
from windlass.domain.spec.drivers import PickedDriver, picked_drivers
from windlass.domain.spec.flags import Flags, own_flags, own_issuer
from windlass.domain.spec.models import Cluster, Host, Oidc

_CIPHERS = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
"""For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others."""
_DNS_SERVICE_NUMBER = 10
"""The cluster's DNS is the tenth address of the services' range, as everywhere in the field."""


@dataclass(frozen=True)
class ClusterInputs:
    """What rendering knows of the cluster as a whole."""

    cluster: Cluster
    release: Release
    lock: Lock
    mirror: MirrorAddresses

    @cached_property
    def templates(self) -> Templates:
        """The templates of the release."""
        return Templates(self.release)

    @cached_property
    def drivers(self) -> tuple[PickedDriver, ...]:
        """The drivers that the spec picks."""
        return picked_drivers(self.cluster, self.release.drivers)

    def context(self) -> dict[str, Any]:
        """Return what every template sees."""
        return {
            "cluster": self.cluster,
            "spec": self.cluster.spec,
            "release": self.release,
            "mirror": self.mirror,
            "layout": layout,
            "ciphers": _CIPHERS,
            "images": _Images(self),
            "versions": {**self.release.files, **self.release.images},
            "api_hosts": self.cluster.hosts_with("control-plane"),
            "dns_address": dns_address(self.cluster),
            "service_account_issuer": own_issuer(self.cluster),
            "username_prefix": username_prefix,
            "no_reserved": no_reserved,
            "quiet_accounts": sorted({name for one in self.drivers for name in one.driver.quiet_accounts}),
            # What the network needs comes first, as files of hosts have had it from the beginning.
            "kernel_modules": [name for one in reversed(self.drivers) for name in one.modules],
            "flags": lambda component: flag_pairs(own_flags(component, self.cluster)),
        }


@dataclass(frozen=True)
class HostInputs:
    """What rendering knows of one host."""

    whole: ClusterInputs
    host: Host
    facts: HostFacts

    def context(self) -> dict[str, Any]:
        """Return what templates of a host see."""
        release = self.whole.release
        return self.whole.context() | {
            "host": self.host,
            "facts": self.facts,
            "etcd_hosts": own_first(self.host, self.whole.cluster.hosts_with("etcd")),
            "taints": node_taints(self.host),
            "binaries": layout.kubernetes_binaries(release.version),
            "containerd": layout.artifact_directory("containerd", release.files["containerd"]),
            "runc": layout.artifact_directory("runc", release.files["runc"]),
        }


class _Images(dict[str, str]):
    """References of images, looked up when a template asks, so that only those it uses must be in the lock."""

    def __init__(self, inputs: ClusterInputs) -> None:
        super().__init__()
        self._inputs = inputs

    def __missing__(self, name: str) -> str:
        inputs = self._inputs
        return image_reference(name, inputs.release, inputs.lock, inputs.mirror)


def own_first(host: Host, hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    """Return `hosts` in the order of the spec, but `host` first if it is among them."""
    return tuple(sorted(hosts, key=lambda other: other.name != host.name))


def dns_address(cluster: Cluster) -> str:
    """Return the address of the cluster's DNS service: of the first range, as its Service has one address."""
    return str(ipaddress.ip_network(cluster.spec.network.service_ranges[0])[_DNS_SERVICE_NUMBER])


def username_prefix(provider: Oidc) -> str:
    """Return what is put before the names of a provider's users, as for the API server's `oidc-username-prefix`."""
    if provider.username_prefix is not None:
        return provider.username_prefix
    return "" if provider.username_claim == "email" else f"{provider.issuer}#"


def no_reserved(value: str) -> str:
    """Return the CEL expression that says of a name or group that it is none of those that are not a provider's."""
    prefixes = ", ".join(f"'{prefix}'" for prefix in RESERVED_PREFIXES)
    return f"![{prefixes}].exists(prefix, {value}.startsWith(prefix))"


def component_flags(component: str, templates: Templates, context: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the flags of `component`, as name and value: the catalog's, replaced or added to by the spec's extraArgs.

    A name stands there several times where the spec gives it several values.
    """
    flags = {
        name: (_flag_value(value),) for name, value in templates.render_yaml(f"flags/{component}.yaml", context).items()
    }
    return flag_pairs(flags | own_flags(component, context["cluster"]))


def flag_pairs(flags: Flags) -> tuple[tuple[str, str], ...]:
    """Return each flag as often as it has values."""
    return tuple((name, value) for name, values in flags.items() for value in values)


def _flag_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
