"""Sections 1 to 3 of CIS Kubernetes Benchmark 1.12: control plane, etcd, who signs in and what is recorded."""

from __future__ import annotations

from windlass.domain.hardening.control import Control, Scope
from windlass.domain.hardening.host_checks import (
    HostCheck,
    all_of,
    at_least,
    audits_what_matters,
    encrypts_secrets,
    flag,
    has_its_own_authority,
    has_strong_ciphers,
    is_absent,
    is_not,
    is_set,
    is_unset,
    leaves_out,
    listens_at_own_address,
    lists,
    mode,
    owner,
    serves_strangers_health_alone,
)
from windlass.domain.host.file_drift import ROOT
from windlass.domain.host.layout import (
    ADMIN_KUBECONFIG,
    API_SERVER,
    CNI_CONFIG,
    ETCD_DATA,
    KUBECONFIGS,
    PKI,
    stack_directory,
)

MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
_PRIVATE, _PUBLIC = 0o600, 0o644
_PLANE: Scope = "control-plane"
_STACK = f"{stack_directory(_PLANE)}/compose.yaml"
_ETCD_STACK = f"{stack_directory('etcd')}/compose.yaml"
_OF_ALL_HOSTS = (
    "Other hosts look whether it is healthy, at this one address and by TLS; they are told no more than that, and all "
    "else needs a name and a right."
)


def _plane(number: str, title: str, host: HostCheck, reason: str = "", holds: HostCheck | None = None) -> Control:
    return Control(number, title, _PLANE, host, reason=reason, holds=holds)


def _etcd(number: str, title: str, host: HostCheck, reason: str = "", holds: HostCheck | None = None) -> Control:
    return Control(number, title, "etcd", host, reason=reason, holds=holds)


def _private(first: int, what: str, path: str) -> tuple[Control, Control]:
    """Return the two controls of a file of the control plane: its mode, then its owner."""
    return (
        _plane(f"1.1.{first}", f"{what}: mode 0600 or stricter", mode(_PRIVATE, path)),
        _plane(f"1.1.{first + 1}", f"{what}: owned by root", owner(ROOT, path)),
    )


FILES = (
    *_private(1, "What defines the API server", _STACK),
    *_private(3, "What defines the controller manager", _STACK),
    *_private(5, "What defines the scheduler", _STACK),
    _etcd("1.1.7", "What defines etcd: mode 0600 or stricter", mode(_PRIVATE, _ETCD_STACK)),
    _etcd("1.1.8", "What defines etcd: owned by root", owner(ROOT, _ETCD_STACK)),
    Control(
        "1.1.9",
        "Configuration of the pods' network: mode 0600 or stricter",
        "node",
        mode(_PRIVATE, f"{CNI_CONFIG}/*.conf*", is_needed=False),
    ),
    Control(
        "1.1.10",
        "Configuration of the pods' network: owned by root",
        "node",
        owner(ROOT, f"{CNI_CONFIG}/*.conf*", is_needed=False),
    ),
    _etcd("1.1.11", "etcd's data: mode 0700 or stricter", mode(0o700, ETCD_DATA)),
    _etcd(
        "1.1.12",
        "etcd's data: owned by etcd",
        owner("etcd:etcd", ETCD_DATA),
        "etcd runs in a container as root without any capability, and hosts have no user `etcd`. Nobody but root may "
        "look into the directory.",
        all_of(owner(ROOT, ETCD_DATA), mode(0o700, ETCD_DATA)),
    ),
    _plane("1.1.13", "The administrator's kubeconfig: on no host", is_absent(ADMIN_KUBECONFIG)),
    _plane("1.1.14", "The administrator's kubeconfig: owned by root", owner(ROOT, ADMIN_KUBECONFIG, is_needed=False)),
    *_private(15, "The scheduler's kubeconfig", f"{KUBECONFIGS}/scheduler.conf"),
    *_private(17, "The controller manager's kubeconfig", f"{KUBECONFIGS}/controller-manager.conf"),
    _plane("1.1.19", "Certificates and keys: owned by root", owner(ROOT, PKI, f"{PKI}/*")),
    _plane("1.1.20", "Certificates: mode 0644 or stricter", mode(_PUBLIC, f"{PKI}/*.crt")),
    _plane("1.1.21", "Private keys: mode 0600", mode(_PRIVATE, f"{PKI}/*.key")),
)

API = (
    _plane("1.2.1", "No requests without a name", serves_strangers_health_alone),
    _plane("1.2.2", "No tokens from a file", is_unset(API_SERVER, "token-auth-file")),
    _plane(
        "1.2.3",
        "Services cannot claim addresses from outside",
        lists(API_SERVER, "enable-admission-plugins", "DenyServiceExternalIPs"),
    ),
    _plane(
        "1.2.4",
        "The API server shows kubelets a certificate",
        is_set(API_SERVER, "kubelet-client-certificate", "kubelet-client-key"),
    ),
    _plane("1.2.5", "The API server verifies kubelets", is_set(API_SERVER, "kubelet-certificate-authority")),
    _plane("1.2.6", "Not everybody may do everything", leaves_out(API_SERVER, "authorization-mode", "AlwaysAllow")),
    _plane("1.2.7", "Kubelets reach only what is theirs", lists(API_SERVER, "authorization-mode", "Node")),
    _plane("1.2.8", "Rights are given by roles", lists(API_SERVER, "authorization-mode", "RBAC")),
    _plane("1.2.9", "Events are limited", lists(API_SERVER, "enable-admission-plugins", "EventRateLimit")),
    _plane("1.2.10", "Not everything is admitted", leaves_out(API_SERVER, "enable-admission-plugins", "AlwaysAdmit")),
    _plane(
        "1.2.11",
        "Images are always asked for at the registry",
        lists(API_SERVER, "enable-admission-plugins", "AlwaysPullImages"),
        "A choice of the spec, `security.alwaysPullImages`, since with it no pod starts while the registry is away, "
        "not even after the loss of a node. Without it a pod can run a private image that its node has already.",
    ),
    _plane(
        "1.2.12",
        "Pods have accounts",
        leaves_out(API_SERVER, "disable-admission-plugins", "ServiceAccount"),
    ),
    _plane(
        "1.2.13",
        "Nothing is made in namespaces that end",
        leaves_out(API_SERVER, "disable-admission-plugins", "NamespaceLifecycle"),
    ),
    _plane(
        "1.2.14",
        "Kubelets change only themselves",
        lists(API_SERVER, "enable-admission-plugins", "NodeRestriction"),
    ),
    _plane("1.2.15", "API server: no profiling", flag(API_SERVER, "profiling", "false")),
    _plane("1.2.16", "There is an audit log", is_set(API_SERVER, "audit-log-path")),
    _plane("1.2.17", "The audit log is kept for 30 days", at_least(API_SERVER, "audit-log-maxage", 30)),
    _plane("1.2.18", "Ten files of the audit log are kept", at_least(API_SERVER, "audit-log-maxbackup", 10)),
    _plane("1.2.19", "Files of the audit log have 100 MB", at_least(API_SERVER, "audit-log-maxsize", 100)),
    _plane("1.2.20", "Requests end in time", is_not(API_SERVER, "request-timeout", "0s")),
    _plane(
        "1.2.21",
        "Tokens of accounts that are gone are worthless",
        flag(API_SERVER, "service-account-lookup", "true", default="true"),
    ),
    _plane("1.2.22", "Tokens of accounts have a key of their own", is_set(API_SERVER, "service-account-key-file")),
    _plane("1.2.23", "The API server shows etcd a certificate", is_set(API_SERVER, "etcd-certfile", "etcd-keyfile")),
    _plane("1.2.24", "The API server serves by TLS", is_set(API_SERVER, "tls-cert-file", "tls-private-key-file")),
    _plane("1.2.25", "The API server verifies clients", is_set(API_SERVER, "client-ca-file")),
    _plane("1.2.26", "The API server verifies etcd", is_set(API_SERVER, "etcd-cafile")),
    _plane("1.2.27", "Encryption at rest is configured", is_set(API_SERVER, "encryption-provider-config")),
    _plane("1.2.28", "Secrets are encrypted at rest", encrypts_secrets),
    _plane("1.2.29", "API server: strong ciphers alone", has_strong_ciphers(API_SERVER)),
    _plane(
        "1.2.30",
        "Tokens in pods end after an hour",
        flag(API_SERVER, "service-account-extend-token-expiration", "false"),
    ),
)

CONTROLLERS = (
    _plane("1.3.1", "Pods that ended are cleared away", at_least(MANAGER, "terminated-pod-gc-threshold", 1)),
    _plane("1.3.2", "Controller manager: no profiling", flag(MANAGER, "profiling", "false")),
    _plane("1.3.3", "Each controller has its own account", flag(MANAGER, "use-service-account-credentials", "true")),
    _plane("1.3.4", "Tokens are signed by a key of their own", is_set(MANAGER, "service-account-private-key-file")),
    _plane("1.3.5", "Pods are told whom to trust", is_set(MANAGER, "root-ca-file")),
    _plane(
        "1.3.6",
        "Kubelets' serving certificates may be renewed",
        leaves_out(MANAGER, "feature-gates", "RotateKubeletServerCertificate=false"),
    ),
    _plane(
        "1.3.7",
        "The controller manager listens on loopback",
        flag(MANAGER, "bind-address", "127.0.0.1"),
        _OF_ALL_HOSTS,
        listens_at_own_address(MANAGER),
    ),
    _plane("1.4.1", "Scheduler: no profiling", flag(SCHEDULER, "profiling", "false")),
    _plane(
        "1.4.2",
        "The scheduler listens on loopback",
        flag(SCHEDULER, "bind-address", "127.0.0.1"),
        _OF_ALL_HOSTS,
        listens_at_own_address(SCHEDULER),
    ),
)

ETCD = (
    _etcd("2.1", "etcd serves by TLS", is_set("etcd", "cert-file", "key-file")),
    _etcd("2.2", "etcd verifies clients", flag("etcd", "client-cert-auth", "true")),
    _etcd("2.3", "etcd makes itself no certificate", flag("etcd", "auto-tls", "false", default="false")),
    _etcd("2.4", "etcd's members talk by TLS", is_set("etcd", "peer-cert-file", "peer-key-file")),
    _etcd("2.5", "etcd's members verify each other", flag("etcd", "peer-client-cert-auth", "true")),
    _etcd("2.6", "Members make themselves no certificate", flag("etcd", "peer-auto-tls", "false", default="false")),
    _etcd("2.7", "etcd has an authority of its own", has_its_own_authority),
)

ACCESS = (
    Control(
        "3.1.1",
        "People do not sign in by certificates",
        reason="OpenID Connect is a section of the spec, `api.oidc`. Who comes in by a login to Airflow "
        "(`access.groups`) has a certificate for an hour at most, signed by an authority that can be dropped; those of "
        "`windlass kubeconfig --break-glass` are for when nobody else lets people in.",
    ),
    Control(
        "3.1.2",
        "People do not sign in by tokens of accounts",
        reason="Windlass gives nobody such a token; `api.oidc` is for people.",
    ),
    Control(
        "3.1.3",
        "People do not sign in by bootstrap tokens",
        "control-plane",
        flag(API_SERVER, "enable-bootstrap-token-auth", "false", default="false"),
    ),
    _plane("3.2.1", "There is an audit policy", is_set(API_SERVER, "audit-policy-file")),
    _plane("3.2.2", "The audit policy covers what matters", audits_what_matters),
)
