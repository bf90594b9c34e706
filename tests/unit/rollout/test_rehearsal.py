"""What a rehearsal names as a defect, what it does not, and what the gate makes of its record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from unit.restore.objects import CONFIG, DEPLOYMENT, Object, changed, made
from unit.rollout.conftest import CATALOG
from windlass.domain.restore.served_kinds import ServedKind, missing_definitions, read_kinds
from windlass.domain.rollout.gate import GateLevel
from windlass.domain.rollout.rehearsal_record import (
    MOST,
    Defect,
    RehearsalRecord,
    bounded_defects,
    parse_rehearsal,
    rehearsal_finding,
)
from windlass.domain.rollout.upgrade_defects import (
    converts_by_webhook,
    definition_defects,
    owner_of,
    refused,
    removed_uses,
    webhook_defects,
)
from windlass.effects.store import MemoryStore
from windlass.effects.store.rehearsals import last_rehearsal, save_rehearsal
from windlass.errors import IntegrityError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TARGET = CATALOG.release("v1.37.2")
KINDS = (ServedKind("apps", ("v1",), "Deployment", "deployments", is_namespaced=True),)
LOST = Defect(what="Gadget shop/one", owner="helm", why="it is gone")


def record(**parts: Any) -> RehearsalRecord:
    usual = {
        "cluster": "demo", "bundle": "20261123T074500Z-r1042", "running": "v1.36.3", "target": "v1.37.2",
        "host": "cp-1", "by": "somebody", "started": NOW, "finished": NOW, "milliseconds": {"total": 1},
        "objects": 412, "defects": (),
    }  # fmt: skip
    return RehearsalRecord(**{**usual, **parts})


def definition(name: str = "gadgets", **parts: Any) -> Object:
    versions = [{"name": "v1", "served": True}]
    spec = {"group": "example.com", "names": {"plural": name, "kind": "Gadget"}, "versions": versions, **parts}
    kind = "apiextensions.k8s.io/v1"
    return made("CustomResourceDefinition", f"{name}.example.com", "", kind, spec=spec)


def hook(**rule: Any) -> Object:
    rules = [{"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"], **rule}]
    hooks = [{"name": "check.example.com", "admissionReviewVersions": ["v1"], "rules": rules}]
    return made("ValidatingWebhookConfiguration", "check", "", "admissionregistration.k8s.io/v1", webhooks=hooks)


@pytest.mark.parametrize("status", [200, 201, 404, 409])
def test_what_was_written_or_was_changed_meanwhile_is_no_defect(status: int) -> None:
    assert refused(CONFIG, status, "") is None


@pytest.mark.parametrize("status", [0, 400, 403, 422, 500])
def test_what_cannot_be_written_back_is_named_with_whose_it_is(status: int) -> None:
    found = refused(changed(DEPLOYMENT, labels={"app.kubernetes.io/managed-by": "Helm"}), status, "spec.x: Forbidden")
    assert found is not None
    assert (found.what, found.owner) == ("Deployment shop/web", "Helm")


def test_an_owner_is_who_manages_it_or_owns_it_or_wrote_it() -> None:
    owned = changed(CONFIG, ownerReferences=[{"kind": "Site", "name": "a"}])
    status = [{"manager": "kubectl"}, {"manager": "controller", "subresource": "status"}]
    assert owner_of(changed(owned, labels={"app.kubernetes.io/managed-by": "Helm"})) == "Helm"
    assert owner_of(owned) == "Site a"
    assert owner_of(changed(CONFIG, managedFields=status)) == "kubectl"
    assert owner_of(changed(CONFIG, managedFields=[])) == ""


def test_who_writes_through_a_version_that_is_gone_is_named_as_at_the_gate() -> None:
    (removed, *_) = TARGET.removed_apis
    fields = [{"manager": "old-operator", "apiVersion": removed.api_version}]
    found = made(removed.kinds[0], "x", "", removed.use, metadata={"managedFields": fields})
    (defect,) = removed_uses([found], TARGET)
    assert (defect.owner, removed.api_version in defect.why) == ("old-operator", True)
    assert list(removed_uses([CONFIG, DEPLOYMENT], TARGET)) == []


def test_a_definition_that_is_not_served_or_lost_its_stored_version_is_named() -> None:
    good, lost = definition(), {**definition("lost"), "status": {"storedVersions": ["v1", "v1alpha1"]}}
    served = (*KINDS, ServedKind("example.com", ("v1",), "Gadget", "gadgets", is_namespaced=True))
    unserved = missing_definitions([good, lost], served)
    assert unserved == ("lost.example.com",)
    told = [str(one) for one in definition_defects([good, lost], unserved)]
    assert [text.split(": ")[-1] for text in told] == [
        "objects may be stored as v1alpha1, which is gone",
        "its objects are not served",
    ]
    unused = definition("lost", versions=[{"name": "v1", "served": False}])
    assert list(definition_defects([unused], unserved)) == []


@pytest.mark.parametrize(
    ("rule", "is_told"),
    [
        ({}, False),
        ({"apiVersions": ["*"]}, False),
        ({"apiVersions": ["v1beta1", "v1"]}, False),
        ({"apiGroups": ["of.nobody"], "apiVersions": ["v9"]}, False),
        ({"apiVersions": ["v1beta1"]}, True),
    ],
)
def test_a_webhook_that_looks_at_what_is_not_served_is_named(*, rule: Object, is_told: bool) -> None:
    assert bool(list(webhook_defects([hook(**rule)], KINDS))) is is_told


def test_a_webhook_that_speaks_no_version_of_reviews_any_more_is_named() -> None:
    old = hook()
    old["webhooks"][0]["admissionReviewVersions"] = ["v1beta1"]
    (defect,) = webhook_defects([old], KINDS)
    assert defect.why == "it does not take admission reviews of v1"


def test_what_only_a_webhook_converts_is_known() -> None:
    both = [definition(), definition("odd", conversion={"strategy": "Webhook"})]
    assert converts_by_webhook(both) == {("example.com", "odd"): "odd.example.com"}


def test_kinds_are_read_from_discovery_with_all_their_versions() -> None:
    def resource(*verbs: str) -> Object:
        return {
            "resource": "gadgets", "responseKind": {"kind": "Gadget"}, "scope": "Namespaced",
            "verbs": ["get", "list", "create", *verbs],
        }  # fmt: skip

    versions = [{"version": one, "resources": [resource("update")]} for one in ("v2", "v1")]
    stale = {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1", "freshness": "Stale"}]}
    (kind,) = read_kinds([{"items": [{"metadata": {"name": "example.com"}, "versions": versions}, stale]}])
    assert (kind.versions, kind.is_updatable) == (("v2", "v1"), True)
    assert kind.path("v2", "shop", "a:b") == "/apis/example.com/v2/namespaces/shop/gadgets/a%3Ab"


def test_defects_are_kept_once_each_and_no_more_than_are_read() -> None:
    many = [Defect(what=f"x {number}", owner="", why="y") for number in range(MOST + 7)]
    kept, more = bounded_defects([*many, *many])
    assert (len(kept), more) == (MOST, 7)


def test_a_record_is_read_as_it_was_stored_and_only_in_its_place() -> None:
    store, kept = MemoryStore(), record(defects=(LOST,), untried=("a",))
    assert last_rehearsal(store, "demo", "v1.37.2") is None
    save_rehearsal(store, kept)
    assert last_rehearsal(store, "demo", "v1.37.2") == kept
    with pytest.raises(IntegrityError, match=r"it is about demo and v1\.37\.2"):
        parse_rehearsal(kept.to_bytes(), "demo", "v1.38.0")
    with pytest.raises(IntegrityError, match="not readable"):
        parse_rehearsal(b"{}", "demo", "v1.37.2")


@pytest.mark.parametrize(
    ("last", "is_required", "level", "text"),
    [
        (None, False, None, ""),
        (None, True, GateLevel.BLOCKED, "was never rehearsed"),
        (record(finished=NOW - timedelta(hours=3)), True, GateLevel.PASSED, "rehearsed 3 h ago"),
        (record(finished=NOW - timedelta(days=3)), True, GateLevel.BLOCKED, "3 days ago"),
        (record(finished=NOW - timedelta(days=3)), False, GateLevel.PASSED, "412 objects, no defect"),
        (record(defects=(LOST,)), False, GateLevel.WARNING, "Gadget shop/one (of helm): it is gone"),
        (record(defects=(LOST,), more_defects=2), True, GateLevel.BLOCKED, "and 2 more"),
    ],
)
def test_the_gate_shows_the_last_rehearsal_and_goes_by_it_where_that_is_wanted(
    last: RehearsalRecord | None,
    *,
    is_required: bool,
    level: GateLevel | None,
    text: str,
) -> None:
    findings = rehearsal_finding(last, "v1.37.2", NOW, is_required=is_required)
    assert [one.verdict for one in findings] == ([] if level is None else [level])
    assert all(text in one.text for one in findings)
