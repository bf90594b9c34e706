"""Section 4 of CIS Kubernetes Benchmark 1.12: kubelet and kube-proxy."""

from __future__ import annotations

from windlass.domain.hardening.control import Control
from windlass.domain.hardening.host_checks import (
    HostCheck,
    all_of,
    flag,
    kubelet,
    kubelet_has,
    kubelet_has_strong_ciphers,
    kubelet_is_not,
    measures_on_loopback,
    mode,
    owner,
)
from windlass.domain.host.file_drift import ROOT
from windlass.domain.host.layout import KUBECONFIGS, KUBELET_CONFIG, PKI, SYSTEMD

_UNIT = f"{SYSTEMD}/kubelet.service"
_KUBECONFIG = f"{KUBECONFIGS}/kubelet.conf"
_IN_A_POD = (
    "kube-proxy runs in a pod with the token of its own account. Its kubeconfig is a ConfigMap without a secret; on "
    "the host there is no file."
)


def _node(number: str, title: str, host: HostCheck, reason: str = "") -> Control:
    return Control(number, title, "node", host, reason=reason)


NODES = (
    _node("4.1.1", "The kubelet's unit: mode 0600 or stricter", mode(0o600, _UNIT)),
    _node("4.1.2", "The kubelet's unit: owned by root", owner(ROOT, _UNIT)),
    Control("4.1.3", "kube-proxy's kubeconfig: mode 0600 or stricter", reason=_IN_A_POD),
    Control("4.1.4", "kube-proxy's kubeconfig: owned by root", reason=_IN_A_POD),
    _node("4.1.5", "The kubelet's kubeconfig: mode 0600 or stricter", mode(0o600, _KUBECONFIG)),
    _node("4.1.6", "The kubelet's kubeconfig: owned by root", owner(ROOT, _KUBECONFIG)),
    _node("4.1.7", "The clients' authority: mode 0644 or stricter", mode(0o644, f"{PKI}/ca.crt")),
    _node("4.1.8", "The clients' authority: owned by root", owner(ROOT, f"{PKI}/ca.crt")),
    _node("4.1.9", "The kubelet's configuration: mode 0600 or stricter", mode(0o600, KUBELET_CONFIG)),
    _node("4.1.10", "The kubelet's configuration: owned by root", owner(ROOT, KUBELET_CONFIG)),
    _node(
        "4.2.1",
        "Kubelet: no requests without a name",
        kubelet("authentication.anonymous.enabled", desired=False),
    ),
    _node("4.2.2", "Kubelet: not everybody may do everything", kubelet("authorization.mode", desired="Webhook")),
    _node("4.2.3", "Kubelet: clients are verified", kubelet_has("authentication.x509.clientCAFile")),
    _node("4.2.4", "Kubelet: no port for everybody to read", kubelet("readOnlyPort", desired=0, default=0)),
    _node(
        "4.2.5",
        "Kubelet: idle connections end",
        kubelet_is_not("streamingConnectionIdleTimeout", ("0", "0s", 0)),
    ),
    _node(
        "4.2.6",
        "Kubelet: its firewall rules are there",
        kubelet("makeIPTablesUtilChains", desired=True, default=True),
    ),
    _node(
        "4.2.7",
        "Kubelet: the host's own name",
        flag("kubelet", "hostname-override", ""),
        "A node has the name that its host has in the spec, for which its certificates are issued; the host's own name "
        "may be any other.",
    ),
    _node("4.2.8", "Kubelet: events are recorded", kubelet_is_not("eventRecordQPS", (-1,))),
    _node("4.2.9", "Kubelet: serves by a certificate of the cluster", kubelet_has("tlsCertFile", "tlsPrivateKeyFile")),
    _node(
        "4.2.10",
        "Kubelet: its client certificate is renewed",
        kubelet("rotateCertificates", desired=True, default=False),
        "Windlass issues and renews it, so that nothing in the cluster has the key of an authority.",
    ),
    _node(
        "4.2.11",
        "Kubelet: its serving certificate is renewed",
        all_of(
            kubelet_is_not("featureGates.RotateKubeletServerCertificate", (False,)),
            kubelet("serverTLSBootstrap", desired=True, default=False),
        ),
        "Windlass issues and renews it, as the other one.",
    ),
    _node("4.2.12", "Kubelet: strong ciphers alone", kubelet_has_strong_ciphers),
    _node("4.2.13", "Kubelet: processes of a pod are limited", kubelet_has("podPidsLimit")),
    _node("4.2.14", "Kubelet: seccomp is the default", kubelet("seccompDefault", desired=True)),
    _node("4.3.1", "kube-proxy's metrics are for its own host", measures_on_loopback),
)
