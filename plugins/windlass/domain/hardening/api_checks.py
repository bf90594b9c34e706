"""Checks of who may do what in the cluster: each yields what is wrong, nothing where the control is met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from windlass.domain.hardening.facts import ApiAudit
from windlass.domain.objects.inventory import FIELD_MANAGER, MANAGED_BY_LABEL
from windlass.domain.pki.subjects import ADMINS_GROUP, MASTERS_GROUP
from windlass.domain.rendering.manifests import SYSTEM_NAMESPACES
from windlass.domain.spec.access import people_group

ApiCheck = Callable[[ApiAudit], Iterator[str]]
_EVERYBODY = frozenset({"system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:anonymous"})
_ADMIN = "cluster-admin"


def few_admins(audit: ApiAudit) -> Iterator[str]:
    """Check that only the groups of Kubernetes' own, of Windlass' certificates and of people may do everything.

    Who is in that of people, the spec says by name (`access.groups`).
    """
    for binding in audit.bindings:
        name = binding["metadata"]["name"]
        if binding["roleRef"]["name"] == _ADMIN and name not in {_ADMIN, ADMINS_GROUP, people_group(_ADMIN)}:
            yield f"{_told(binding)} gives {_ADMIN} to {', '.join(_subjects(binding)) or 'nobody'}"


def no_masters(audit: ApiAudit) -> Iterator[str]:
    """Check that nothing but Kubernetes' own binding names the group that the API server always obeys."""
    for binding in audit.bindings:
        if MASTERS_GROUP in _subjects(binding) and binding["metadata"]["name"] != _ADMIN:
            yield f"{_told(binding)} names {MASTERS_GROUP}"


def no_wildcards(audit: ApiAudit) -> Iterator[str]:
    """Check that the roles of Windlass' add-ons name what they are for."""
    for role in audit.roles:
        if _is_ours(role) and any("*" in _said(rule, "verbs", "resources", "apiGroups") for rule in _rules(role)):
            yield f"{_told(role)} has a wildcard"


def idle_default_accounts(audit: ApiAudit) -> Iterator[str]:
    """Check that default accounts of the system's and of add-ons' namespaces give no pod a token."""
    for account in audit.accounts:
        metadata = account["metadata"]
        is_of_system = metadata["namespace"] in SYSTEM_NAMESPACES or _is_ours(account)
        if metadata["name"] == "default" and is_of_system and account.get("automountServiceAccountToken") is not False:
            yield f"{_told(account)} gives its token to pods"


def not_everybody(verbs: tuple[str, ...], *resources: str) -> ApiCheck:
    """Check that no role that all users or all pods have allows one of `verbs` on one of `resources`."""

    def check(audit: ApiAudit) -> Iterator[str]:
        roles = {_key(role): role for role in audit.roles}
        for binding in audit.bindings:
            everybody = sorted(_EVERYBODY & set(_subjects(binding)))
            role = roles.get(_referred(binding))
            if everybody and role and any(_allows(rule, verbs, resources) for rule in _rules(role)):
                allowed = f"{' or '.join(verbs)} {' or '.join(resources)}"
                yield f"{_told(binding)} lets {', '.join(everybody)} {allowed}"

    return check


def _allows(rule: Mapping[str, Any], verbs: tuple[str, ...], resources: tuple[str, ...]) -> bool:
    named, done = _said(rule, "resources"), _said(rule, "verbs")
    return bool({"*", *resources} & named) and bool({"*", *verbs} & done)


def _said(rule: Mapping[str, Any], *keys: str) -> set[str]:
    return {str(one) for key in keys for one in rule.get(key) or ()}


def _rules(role: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(role.get("rules") or ())


def _subjects(binding: Mapping[str, Any]) -> list[str]:
    return [str(one.get("name")) for one in binding.get("subjects") or ()]


def _is_ours(found: Mapping[str, Any]) -> bool:
    return (found["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == FIELD_MANAGER


def _key(role: Mapping[str, Any]) -> tuple[str, str]:
    return str(role["metadata"].get("namespace") or ""), str(role["metadata"]["name"])


def _referred(binding: Mapping[str, Any]) -> tuple[str, str]:
    reference = binding["roleRef"]
    is_of_all = reference.get("kind") == "ClusterRole"
    return "" if is_of_all else str(binding["metadata"].get("namespace") or ""), str(reference["name"])


def _told(found: Mapping[str, Any]) -> str:
    namespace = found["metadata"].get("namespace")
    return f"`{namespace}/{found['metadata']['name']}`" if namespace else f"`{found['metadata']['name']}`"
