"""What an audit knows of a cluster: what its hosts and its API told, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.spec.models import Host


class NotToldError(Exception):
    """What a control is about was not told, so that nobody knows whether it is met; never leaves this package."""


@dataclass(frozen=True)
class FileAccess:
    """Who may do what with one file or directory."""

    mode: int
    owner: str
    """`user:group`, by names."""


@dataclass(frozen=True)
class HostAudit:
    """One host, as it told of itself."""

    host: Host
    files: Mapping[str, FileAccess]
    """By path."""
    flags: Mapping[str, Mapping[str, str]]
    """With which flags each component runs now, by component; one that does not run is missing."""
    documents: Mapping[str, Mapping[str, Any]]
    """What configuration files say, by the name of the file without its suffix."""
    providers: tuple[str, ...]
    """Names of the providers that encrypt Secrets, the one that writes first; never their keys."""
    proxy_metrics: tuple[str, ...]
    """Addresses at which kube-proxy gives its metrics, as the kernel writes them."""

    def of(self, component: str) -> Mapping[str, str]:
        """Return the flags of a component."""
        if component not in self.flags:
            raise NotToldError(f"{component} does not run, or Docker did not tell of it")
        return self.flags[component]

    def document(self, name: str) -> Mapping[str, Any]:
        """Return what a configuration file says."""
        if name not in self.documents:
            raise NotToldError(f"{name}.yaml was not told")
        return self.documents[name]


@dataclass(frozen=True)
class ApiAudit:
    """The objects of the API that say who may do what, as their own JSON."""

    roles: tuple[Mapping[str, Any], ...]
    """Roles and ClusterRoles."""
    bindings: tuple[Mapping[str, Any], ...]
    """RoleBindings and ClusterRoleBindings."""
    accounts: tuple[Mapping[str, Any], ...]
    """ServiceAccounts."""
