"""Section 5 of CIS Kubernetes Benchmark 1.12: rights, pods, networks, secrets; much of it is about what users run."""

from __future__ import annotations

from windlass.domain.hardening.api_checks import (
    few_admins,
    idle_default_accounts,
    no_masters,
    no_wildcards,
    not_everybody,
)
from windlass.domain.hardening.control import Control
from windlass.domain.hardening.host_checks import kubelet, lists, pod_security
from windlass.domain.host.layout import API_SERVER

_OF_USERS = "It is about what users run, which Windlass does not judge."
_RESTRICTED = (
    "The level `restricted` forbids it: `security.podSecurity` for all namespaces that set none, a label for one. The "
    "default is `baseline`, which most charts run with."
)
_ADD_ONS = " Namespaces of add-ons that need the host are `privileged` by their own labels, and hold nothing else."
_WRITES = ("create", "update", "patch", "delete")


def _level(number: str, title: str, least: str) -> Control:
    reason = _RESTRICTED if least == "restricted" else ""
    return Control(number, title, "control-plane", pod_security(least), reason=reason)


RIGHTS = (
    Control("5.1.1", "cluster-admin is for few", api=few_admins),
    Control(
        "5.1.2",
        "Reading Secrets is for few",
        api=not_everybody(("get", "list", "watch"), "secrets"),
    ),
    Control("5.1.3", "Roles name what they are for", api=no_wildcards),
    Control("5.1.4", "Making pods is for few", api=not_everybody(("create",), "pods")),
    Control("5.1.5", "Default accounts give pods no token", api=idle_default_accounts),
    Control(
        "5.1.6",
        "Tokens are only where they are needed",
        reason="Add-ons have accounts of their own, and need them. " + _OF_USERS,
    ),
    Control("5.1.7", "Nobody is in system:masters", api=no_masters),
    Control(
        "5.1.8",
        "bind, impersonate and escalate are for few",
        api=not_everybody(
            ("bind", "impersonate", "escalate"), "roles", "clusterroles", "users", "groups", "serviceaccounts"
        ),
    ),
    Control("5.1.9", "Making persistent volumes is for few", api=not_everybody(("create",), "persistentvolumes")),
    Control("5.1.10", "The proxy to nodes is for few", api=not_everybody(("get", "create"), "nodes/proxy")),
    Control(
        "5.1.11",
        "Approving certificates is for few",
        api=not_everybody(("update", "patch"), "certificatesigningrequests/approval"),
    ),
    Control(
        "5.1.12",
        "Changing webhooks is for few",
        api=not_everybody(_WRITES, "validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
    ),
    Control("5.1.13", "Making tokens is for few", api=not_everybody(("create",), "serviceaccounts/token")),
)

PODS = (
    Control(
        "5.2.1",
        "There is a policy for pods",
        "control-plane",
        lists(API_SERVER, "enable-admission-plugins", "PodSecurity"),
    ),
    _level("5.2.2", "No privileged containers", "baseline"),
    _level("5.2.3", "No pods with the host's processes", "baseline"),
    _level("5.2.4", "No pods with the host's memory", "baseline"),
    _level("5.2.5", "No pods on the host's network", "baseline"),
    _level("5.2.6", "No container gains rights", "restricted"),
    _level("5.2.7", "No container runs as root", "restricted"),
    _level("5.2.8", "No container has NET_RAW", "restricted"),
    _level("5.2.9", "Containers have no capabilities", "restricted"),
    _level("5.2.10", "No HostProcess containers of Windows", "baseline"),
    _level("5.2.11", "No volumes of the host's paths", "baseline"),
    _level("5.2.12", "No ports of the host", "baseline"),
)

OTHERS = (
    Control(
        "5.3.1",
        "The network enforces policies",
        reason="flannel, the default, enforces none by itself. `network.policy` adds who does, and "
        "`network.driver: none` leaves room for another network.",
    ),
    Control("5.3.2", "Namespaces have network policies", reason="They need a network that enforces them. " + _OF_USERS),
    Control("5.4.1", "Secrets are files rather than variables", reason=_OF_USERS),
    Control(
        "5.4.2",
        "Secrets are kept outside",
        reason="Secrets are encrypted in etcd and in bundles; an external store is for users to add.",
    ),
    Control(
        "5.5.1",
        "Images are admitted by where they come from",
        reason="Windlass' own images are pinned by digest. For others users add the admission that they trust.",
    ),
    Control("5.6.1", "Namespaces separate", reason=_OF_USERS),
    Control("5.6.2", "Pods have a seccomp profile", "node", kubelet("seccompDefault", desired=True)),
    Control("5.6.3", "Pods have a security context", reason=_OF_USERS + _ADD_ONS),
    Control("5.6.4", "The default namespace is empty", reason="Windlass puts nothing there. " + _OF_USERS),
)
