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
_ADMINS = {_ADMIN: MASTERS_GROUP, **{group: group for group in (ADMINS_GROUP, people_group(_ADMIN))}}
"""The group in the binding of Kubernetes' own, and in those of Windlass's certificates: of the operator, and of people
by the spec. Whoever else is added to one of them is an administrator besides."""


def few_admins(audit: ApiAudit) -> Iterator[str]:
    """Check that only the groups of Kubernetes' own and of Windlass' certificates may do everything."""
    for binding in audit.bindings:
        expected = None if _namespace(binding) else _ADMINS.get(binding["metadata"]["name"])
        others = [one for one in _subjects(binding) if one != expected]
        if binding["roleRef"]["name"] == _ADMIN and others:
            yield f"{_told(binding)} gives {_ADMIN} to {', '.join(others)}"


def no_masters(audit: ApiAudit) -> Iterator[str]:
    """Check that nothing but Kubernetes' own binding names the group that the API server always obeys."""
    for binding in audit.bindings:
        is_kubernetes_own = binding["metadata"]["name"] == _ADMIN and not _namespace(binding)
        if MASTERS_GROUP in _subjects(binding) and not is_kubernetes_own:
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
    """Tell whether a rule allows it, as the API server reads rules: `*/token` is that part of whatever has one."""
    named, done = _said(rule, "resources"), _said(rule, "verbs")
    parts = {f"*/{part}" for _, is_part, part in (one.partition("/") for one in resources) if is_part}
    return bool({"*", *resources, *parts} & named) and bool({"*", *verbs} & done)


def _said(rule: Mapping[str, Any], *keys: str) -> set[str]:
    return {str(one) for key in keys for one in rule.get(key) or ()}


def _rules(role: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(role.get("rules") or ())


def _subjects(binding: Mapping[str, Any]) -> list[str]:
    return [str(one.get("name")) for one in binding.get("subjects") or ()]


def _is_ours(found: Mapping[str, Any]) -> bool:
    return (found["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == FIELD_MANAGER


def _key(role: Mapping[str, Any]) -> tuple[str, str]:
    return _namespace(role), str(role["metadata"]["name"])


def _referred(binding: Mapping[str, Any]) -> tuple[str, str]:
    reference = binding["roleRef"]
    is_of_all = reference.get("kind") == "ClusterRole"
    return "" if is_of_all else _namespace(binding), str(reference["name"])


def _namespace(found: Mapping[str, Any]) -> str:
    """Return the namespace of an object; empty where it is of all."""
    return str(found["metadata"].get("namespace") or "")


def _told(found: Mapping[str, Any]) -> str:
    namespace = _namespace(found)
    return f"`{namespace}/{found['metadata']['name']}`" if namespace else f"`{found['metadata']['name']}`"
