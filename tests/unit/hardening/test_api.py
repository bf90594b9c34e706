"""Who may do what in the API: what users are given there is judged by what it allows to everybody."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.domain.hardening import CONTROLS, ApiAudit, Outcome

RBAC = "rbac.authorization.k8s.io"


def role(name: str, verbs: list[str], resources: list[str], **metadata: Any) -> dict[str, Any]:
    rule = {"apiGroups": [""], "verbs": verbs, "resources": resources}
    return {"metadata": {"name": name, **metadata}, "rules": [rule]}


def bound(name: str, to: str, kind: str = "ClusterRole", **metadata: Any) -> dict[str, Any]:
    reference = {"apiGroup": RBAC, "kind": kind, "name": name}
    return {"metadata": {"name": f"{name}-bound", **metadata}, "roleRef": reference, "subjects": [{"name": to}]}


def account(namespace: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": "default", "namespace": namespace}, **more}


def outcome(control: str, roles: list[Any] = [], bindings: list[Any] = [], accounts: list[Any] = []) -> Outcome:  # noqa: B006 - never changed
    (found,) = (one for one in CONTROLS if one.id == control)
    return found.judge_api(ApiAudit(tuple(roles), tuple(bindings), tuple(accounts))).outcome


OPEN = [
    ("5.1.2", ["list"], ["secrets"]),
    ("5.1.2", ["*"], ["*"]),
    ("5.1.4", ["create"], ["pods"]),
    ("5.1.8", ["impersonate"], ["users"]),
    ("5.1.9", ["create"], ["persistentvolumes"]),
    ("5.1.10", ["get"], ["nodes/proxy"]),
    ("5.1.11", ["update"], ["certificatesigningrequests/approval"]),
    ("5.1.12", ["patch"], ["mutatingwebhookconfigurations"]),
    ("5.1.13", ["create"], ["serviceaccounts/token"]),
    ("5.1.10", ["create"], ["*/proxy"]),
    ("5.1.11", ["patch"], ["*/approval"]),
    ("5.1.13", ["create"], ["*/token"]),
]


@pytest.mark.parametrize(("control", "verbs", "resources"), OPEN)
def test_what_everybody_may_do_is_found_and_what_somebody_may_is_not(
    control: str, verbs: list[str], resources: list[str]
) -> None:
    roles = [role("wide", verbs, resources)]
    assert outcome(control, roles, [bound("wide", "system:authenticated")]) is Outcome.FAIL
    assert outcome(control, roles, [bound("wide", "ada")]) is Outcome.PASS
    roles = [role("wide", ["watch"], ["nodes"])]
    assert outcome(control, roles, [bound("wide", "system:authenticated")]) is Outcome.PASS


def test_a_role_of_a_namespace_is_not_taken_for_that_of_another() -> None:
    roles = [role("wide", ["get"], ["secrets"], namespace="a"), role("wide", ["get"], ["pods"], namespace="b")]
    harmless = bound("wide", "system:serviceaccounts", "Role", namespace="b")
    assert outcome("5.1.2", roles, [harmless]) is Outcome.PASS
    assert outcome("5.1.2", roles, [{**harmless, "metadata": {"name": "x", "namespace": "a"}}]) is Outcome.FAIL


def test_a_further_administrator_is_found() -> None:
    ours = {**bound("cluster-admin", "windlass:admins"), "metadata": {"name": "windlass:admins"}}
    own = {**bound("cluster-admin", "system:masters"), "metadata": {"name": "cluster-admin"}}
    assert outcome("5.1.1", bindings=[ours, own]) is Outcome.PASS
    assert outcome("5.1.1", bindings=[ours, own, bound("cluster-admin", "ci")]) is Outcome.FAIL
    assert outcome("5.1.7", bindings=[own]) is Outcome.PASS
    assert outcome("5.1.7", bindings=[bound("view", "system:masters")]) is Outcome.FAIL


@pytest.mark.parametrize("name", ["cluster-admin", "windlass:admins", "windlass:cluster-admin"])
def test_whoever_is_added_to_a_known_binding_is_a_further_administrator(name: str) -> None:
    group = "system:masters" if name == "cluster-admin" else name
    known = {**bound("cluster-admin", group), "metadata": {"name": name}}
    assert outcome("5.1.1", bindings=[known]) is Outcome.PASS
    more = {**known, "subjects": [*known["subjects"], {"name": "system:authenticated"}]}
    assert outcome("5.1.1", bindings=[more]) is Outcome.FAIL
    assert outcome("5.1.1", bindings=[{**known, "subjects": [{"name": "ci"}]}]) is Outcome.FAIL


def test_a_binding_of_one_namespace_is_no_known_one_by_its_name() -> None:
    posing = {**bound("cluster-admin", "system:masters"), "metadata": {"name": "cluster-admin", "namespace": "shop"}}
    assert outcome("5.1.1", bindings=[posing]) is Outcome.FAIL
    assert outcome("5.1.7", bindings=[posing]) is Outcome.FAIL


def test_wildcards_are_found_in_what_windlass_applies() -> None:
    ours = {"labels": {"app.kubernetes.io/managed-by": "windlass"}}
    assert outcome("5.1.3", [role("x", ["*"], ["pods"], **ours)]) is Outcome.FAIL
    assert outcome("5.1.3", [role("x", ["*"], ["pods"])]) is Outcome.PASS


def test_default_accounts_of_the_system_give_no_token() -> None:
    assert outcome("5.1.5", accounts=[account("kube-system", automountServiceAccountToken=False)]) is Outcome.PASS
    assert outcome("5.1.5", accounts=[account("kube-system")]) is Outcome.FAIL
    assert outcome("5.1.5", accounts=[account("shop")]) is Outcome.PASS
