"""Flags that a spec may not give: what Windlass sets from elsewhere in the spec, and what ends a component.

A name that ends with `*` stands for all flags that begin so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from windlass.domain.spec.checks.flag_values import is_true, wrong_value


@dataclass(frozen=True)
class OwnedFlag:
    """Why a flag may not be given, what to do instead, and the values with which it may be."""

    reason: str
    way_out: str
    allowed: frozenset[str] = frozenset()

    def allows(self, value: str) -> bool:
        """Say whether it may be given with this value; Go writes true and false in several ways."""
        is_switch = not wrong_value("bool", value) and bool(self.allowed & {"true", "false"})
        return ("true" if is_true(value) else "false") in self.allowed if is_switch else value in self.allowed


_LEAVE = "leave it out"
_CERTIFICATES = OwnedFlag(
    "Windlass issues, places and renews certificates", "leave it out; CAs of your own: spec.pki.ca"
)
_ADDRESSES = OwnedFlag("proxies, health checks and other hosts expect it where Windlass puts it", _LEAVE)
_KUBECONFIGS = OwnedFlag("Windlass writes the kubeconfig of each component", _LEAVE)
_PODS = OwnedFlag("it is the range of the pods", "set spec.network.podCidr")
_MASK = OwnedFlag("it is what each node takes of the pods' range", "set spec.network.nodeMask", frozenset({"24"}))
_SERVICES = OwnedFlag("it is the range of the services", "set spec.network.serviceCidr")
_ENDS = OwnedFlag("with it the component does something else and ends", _LEAVE)
_LEADER = OwnedFlag("without it those of all hosts would act at once", _LEAVE, frozenset({"true"}))
_CLOUD = OwnedFlag("kubelets and controllers must agree on it", "set spec.kubernetes.cloudProvider")
_MEMBERSHIP = OwnedFlag("Windlass forms the cluster of etcd members and changes it", "give hosts the role etcd")
_OIDC = OwnedFlag(
    "API servers that read --authentication-config, as these do, end when it is given", "say it in spec.api.oidc"
)
_DOMAIN = OwnedFlag("DNS, certificates and tokens must agree on it", "set spec.network.clusterDomain")
_CONFIGURED = OwnedFlag("Windlass writes the configuration file", _LEAVE)
_ALWAYS: Mapping[str, OwnedFlag] = dict.fromkeys(("help", "version", "write-config-to"), _ENDS)

_SERVING: Mapping[str, OwnedFlag] = {
    "bind-address": _ADDRESSES,
    "secure-port": _ADDRESSES,
    "cert-dir": _CERTIFICATES,
    "client-ca-file": _CERTIFICATES,
    "tls-cert-file": _CERTIFICATES,
    "tls-private-key-file": _CERTIFICATES,
    "requestheader-client-ca-file": _CERTIFICATES,
}
_CONTROLLERS: Mapping[str, OwnedFlag] = {
    **_ALWAYS,
    **_SERVING,
    "kubeconfig": _KUBECONFIGS,
    "authentication-kubeconfig": _KUBECONFIGS,
    "authorization-kubeconfig": _KUBECONFIGS,
    "master": _KUBECONFIGS,
    "leader-elect": _LEADER,
}

_ETCD: Mapping[str, OwnedFlag] = {
    **_ALWAYS,
    "name": OwnedFlag("a member has the name of its host", "leave it out, or name the host so"),
    "data-dir": OwnedFlag("Windlass backs up, replaces and restores what lies there", _LEAVE),
    "wal-dir": OwnedFlag("Windlass backs up, replaces and restores what lies in the data directory", _LEAVE),
    "config-file": OwnedFlag("with it etcd ignores all flags", "give the flags themselves"),
    "listen-*": _ADDRESSES,
    "advertise-*": _ADDRESSES,
    "initial-advertise-peer-urls": _ADDRESSES,
    "initial-cluster*": _MEMBERSHIP,
    "discovery*": _MEMBERSHIP,
    "force-new-cluster": _MEMBERSHIP,
    "strict-reconfig-check": OwnedFlag("without it a change may cost the quorum", _LEAVE, frozenset({"true"})),
    "cert-file": _CERTIFICATES,
    "key-file": _CERTIFICATES,
    "client-cert-file": _CERTIFICATES,
    "client-key-file": _CERTIFICATES,
    "trusted-ca-file": _CERTIFICATES,
    "peer-cert-file": _CERTIFICATES,
    "peer-key-file": _CERTIFICATES,
    "peer-client-cert-file": _CERTIFICATES,
    "peer-client-key-file": _CERTIFICATES,
    "peer-trusted-ca-file": _CERTIFICATES,
    "auto-tls": _CERTIFICATES,
    "peer-auto-tls": _CERTIFICATES,
    "client-cert-auth": OwnedFlag("without it everybody may read Secrets", _LEAVE, frozenset({"true"})),
    "peer-client-cert-auth": OwnedFlag("without it everybody may join", _LEAVE, frozenset({"true"})),
    "unsafe-no-fsync": OwnedFlag(
        "with it a host that loses power forgets writes that were acknowledged", _LEAVE, frozenset({"false"})
    ),
    "quota-backend-bytes": OwnedFlag("memory and alarms follow from it", "set spec.etcd.quotaBytes"),
    "heartbeat-interval": OwnedFlag("all members must agree on it", "set spec.etcd.heartbeatMilliseconds"),
    "election-timeout": OwnedFlag("all members must agree on it", "set spec.etcd.electionMilliseconds"),
}

_API_SERVER: Mapping[str, OwnedFlag] = {
    **_ALWAYS,
    **_SERVING,
    "advertise-address": _ADDRESSES,
    "anonymous-auth": OwnedFlag(
        "API servers that read --authentication-config, as these do, end when it is given",
        "leave it out: nobody without a name is served, but for /livez, /readyz and /healthz",
    ),
    "authentication-config": _OIDC,
    "oidc-*": _OIDC,
    "etcd-servers": OwnedFlag("API servers use the hosts with the role etcd", "give hosts the role etcd"),
    "etcd-servers-overrides": OwnedFlag("what lies elsewhere would be in no backup", _LEAVE),
    "etcd-cafile": _CERTIFICATES,
    "etcd-certfile": _CERTIFICATES,
    "etcd-keyfile": _CERTIFICATES,
    "kubelet-certificate-authority": _CERTIFICATES,
    "kubelet-client-certificate": _CERTIFICATES,
    "kubelet-client-key": _CERTIFICATES,
    "proxy-client-*": _CERTIFICATES,
    "requestheader-*": _CERTIFICATES,
    "service-account-key-file": _CERTIFICATES,
    "service-account-signing-key-file": _CERTIFICATES,
    "service-account-signing-endpoint": _CERTIFICATES,
    "service-cluster-ip-range": _SERVICES,
    "allow-privileged": OwnedFlag("kube-proxy and the network are privileged", _LEAVE, frozenset({"true"})),
    "admission-control": OwnedFlag("it replaces what the cluster is made safe with", "set enable-admission-plugins"),
    "admission-control-config-file": OwnedFlag("Windlass writes it", "set spec.security.podSecurity"),
    "encryption-provider-config*": OwnedFlag("Windlass makes the keys", "set spec.security.encryptSecrets"),
    "audit-policy-file": OwnedFlag("Windlass writes it", "set spec.security.auditLog"),
    "endpoint-reconciler-type": OwnedFlag(
        "pods find API servers that come and go by their leases", _LEAVE, frozenset({"lease"})
    ),
    "authorization-config": OwnedFlag("it cannot stand beside authorization-mode", "set authorization-mode"),
}

_CONTROLLER_MANAGER: Mapping[str, OwnedFlag] = {
    **_CONTROLLERS,
    "cluster-name": OwnedFlag("it is the cluster's name", "set metadata.name"),
    "cluster-cidr": _PODS,
    "service-cluster-ip-range": _SERVICES,
    "node-cidr-mask-size": _MASK,
    "node-cidr-mask-size-ipv4": _MASK,
    "node-cidr-mask-size-ipv6": OwnedFlag(_MASK.reason, "set spec.network.nodeMaskIpv6"),
    "cidr-allocator-type": OwnedFlag(
        "nodes are given their ranges out of spec.network.podCidr", _LEAVE, frozenset({"RangeAllocator"})
    ),
    "cloud-provider": _CLOUD,
    "root-ca-file": _CERTIFICATES,
    "service-account-private-key-file": _CERTIFICATES,
    "use-service-account-credentials": OwnedFlag(
        "its own account may not do what its controllers' accounts may", _LEAVE, frozenset({"true"})
    ),
    "cluster-signing-*": OwnedFlag(
        "no host has the key of an authority that hosts trust: Windlass signs",
        "set spec.security.signRequests for clients of the API, or run a signer of your own",
    ),
}

_KUBELET: Mapping[str, OwnedFlag] = {
    **_ALWAYS,
    "config": _CONFIGURED,
    "config-dir": _CONFIGURED,
    "kubeconfig": _KUBECONFIGS,
    "bootstrap-kubeconfig": _KUBECONFIGS,
    "address": _ADDRESSES,
    "port": _ADDRESSES,
    "healthz-*": _ADDRESSES,
    "hostname-override": OwnedFlag("a node has the name of its host", "leave it out, or name the host so"),
    "node-ip": OwnedFlag("a node has the address of its host", "set the host's address or privateAddress"),
    "node-labels": OwnedFlag("it replaces those of all hosts", "set spec.hosts.members[].labels"),
    "register-with-taints": OwnedFlag("it replaces those of all hosts", "set spec.hosts.members[].taints"),
    "register-node": OwnedFlag("without it there is no node", _LEAVE, frozenset({"true"})),
    "cert-dir": _CERTIFICATES,
    "client-ca-file": _CERTIFICATES,
    "tls-cert-file": _CERTIFICATES,
    "tls-private-key-file": _CERTIFICATES,
    "rotate-certificates": _CERTIFICATES,
    "rotate-server-certificates": _CERTIFICATES,
    "root-dir": OwnedFlag("Windlass cleans hosts and measures their room by it", _LEAVE),
    "container-runtime-endpoint": OwnedFlag("Windlass runs containerd there", _LEAVE),
    "image-service-endpoint": OwnedFlag("Windlass runs containerd there", _LEAVE),
    "cgroup-driver": OwnedFlag("containerd must use the same", _LEAVE, frozenset({"systemd"})),
    "cloud-provider": _CLOUD,
    "cluster-dns": OwnedFlag("it is the tenth address of spec.network.serviceCidr", _LEAVE),
    "cluster-domain": _DOMAIN,
    "pod-cidr": _PODS,
    "anonymous-auth": OwnedFlag("with it everybody may run commands in pods", _LEAVE, frozenset({"false"})),
    "authorization-mode": OwnedFlag("other than Webhook everybody may do all", _LEAVE, frozenset({"Webhook"})),
    "authentication-token-webhook": OwnedFlag("metrics are read with tokens", _LEAVE, frozenset({"true"})),
    "read-only-port": OwnedFlag("with it everybody may read what pods run, without a name", _LEAVE, frozenset({"0"})),
    "enable-server": OwnedFlag("without it nobody gets logs, metrics or a shell of pods", _LEAVE, frozenset({"true"})),
    "runonce": OwnedFlag("with it the kubelet runs no pods of the API and ends", _LEAVE, frozenset({"false"})),
    "fail-swap-on": OwnedFlag(
        "preflight refuses hosts with swap, which memory limits do not count",
        "turn swap off on the hosts",
        frozenset({"true"}),
    ),
}

_PROXY_CONFIGURED = OwnedFlag(
    "kube-proxy reads a configuration file, and then ignores every flag but those of logging",
    "leave it out; the mode is spec.network.proxyMode",
)

OWNED: Mapping[str, Mapping[str, OwnedFlag]] = {
    "etcd": _ETCD,
    "kube-apiserver": _API_SERVER,
    "kube-controller-manager": _CONTROLLER_MANAGER,
    "kube-scheduler": {
        **_CONTROLLERS,
        "config": OwnedFlag("with it the flags that Windlass gives are ignored", _LEAVE),
    },
    "kubelet": _KUBELET,
    "kube-proxy": {
        **_ALWAYS,
        "proxy-mode": OwnedFlag(_PROXY_CONFIGURED.reason, "set spec.network.proxyMode"),
        "cluster-cidr": _PODS,
        "config": _CONFIGURED,
        "hostname-override": OwnedFlag("a node has the name of its host", _LEAVE),
        **dict.fromkeys(("cleanup", "init-only"), _ENDS),
    },
}
"""By component and name."""


def owned_flag(component: str, name: str) -> OwnedFlag | None:
    """Return why `component` may not be given the flag `name`; None if it may."""
    table = OWNED.get(component, {})
    if name in table:
        return table[name]
    for pattern, owned in table.items():
        if pattern.endswith("*") and name.startswith(pattern[:-1]):
            return owned
    is_of_logging = name in {"v", "vmodule"} or name.startswith("log")
    return _PROXY_CONFIGURED if component == "kube-proxy" and not is_of_logging else None
