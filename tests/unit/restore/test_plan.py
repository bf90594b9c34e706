"""What becomes of each object of a bundle that somebody wants back."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.restore.objects import (
    CLAIM,
    CONFIG,
    DEPLOYMENT,
    JOB,
    NAMESPACE,
    SECRET,
    SERVICE,
    WHOLE,
    Object,
    changed,
    made,
    owned,
)
from windlass.domain.restore.beside import LiveObjects, addresses_of
from windlass.domain.restore.plan import Fate, RestoreItem, RestorePlan, plan_restore
from windlass.domain.restore.ties import with_owner_uids
from windlass.domain.restore.wanted_parts import comparable, overwritten, prepared
from windlass.errors import RefusedError

POD = made("Pod", "web-1", spec={"nodeName": "w-1", "containers": []}, status={"phase": "Running"})
REPLICAS = owned(made("ReplicaSet", "web-6f", api_version="apps/v1", spec={}), DEPLOYMENT, controller=True)
VOLUME = made(
    "PersistentVolume", "pv-1", "", spec={"claimRef": {"namespace": "shop", "name": "data", "uid": "uid-of-before"}}
)


def plan(*selected: Object, live: tuple[Object, ...] = (NAMESPACE,), overwrite: bool = False, **of: Any) -> RestorePlan:
    services = [one for one in live if one["kind"] == "Service"]
    return plan_restore(selected, LiveObjects.of(live, services, **of), overwrite=overwrite)


def only(*selected: Object, **beside: Any) -> RestoreItem:
    (item,) = plan(*selected, **beside).items
    return item


def test_a_namespace_that_is_gone_comes_back_whole_and_what_others_need_comes_first() -> None:
    items = plan(*WHOLE, live=()).items
    assert {one.fate for one in items} == {Fate.CREATE}
    kinds = [one.ref.kind for one in items]
    assert kinds[0] == "Namespace"
    assert max(map(kinds.index, ("ConfigMap", "Secret"))) < min(map(kinds.index, ("Service", "PersistentVolumeClaim")))
    assert kinds.index("Service") < kinds.index("Deployment")


def test_what_a_server_put_into_an_object_does_not_come_back() -> None:
    documents = [one.document for one in plan(*WHOLE, live=()).items]
    text = json.dumps(documents)
    for server in (
        "uid-",
        "resourceVersion",
        "creationTimestamp",
        "managedFields",
        "finalizers",
        "status",
        "generation",
    ):
        assert server not in text
    assert "controller-uid" not in text
    assert "deployment.kubernetes.io/revision" not in text


def test_what_lives_as_the_bundle_has_it_is_left_alone_whatever_its_status_and_uid() -> None:
    live = changed(
        DEPLOYMENT, uid="another", resourceVersion="99", annotations={"deployment.kubernetes.io/revision": "9"}
    )
    item = only(DEPLOYMENT, live=(NAMESPACE, {**live, "status": {}}), overwrite=True)
    assert (item.fate, item.document) == (Fate.SAME, None)


def test_what_lives_and_differs_is_a_conflict_and_shown() -> None:
    item = only(CONFIG, live=(NAMESPACE, {**CONFIG, "data": {"color": "red", "new": "x"}}))
    assert (item.fate, item.document) == (Fate.CONFLICT, None)
    assert "only put back with `overwrite`" in item.why
    assert {one.path for one in item.fields} == {"data.color", "data.size", "data.new"}


def test_what_is_overwritten_is_as_the_bundle_has_it_and_only_if_nobody_changes_it_meanwhile() -> None:
    live = changed({**CONFIG, "data": {"color": "red", "new": "x"}}, uid="another", resourceVersion="99")
    item = only(CONFIG, live=(NAMESPACE, live), overwrite=True)
    assert item.fate is Fate.OVERWRITE
    assert item.document is not None
    assert item.document["data"] == CONFIG["data"]
    assert item.document["metadata"]["resourceVersion"] == "99"
    assert item.document["metadata"]["uid"] == "another"


def test_an_overwritten_service_and_claim_keep_what_was_assigned_to_them() -> None:
    service = copy.deepcopy(SERVICE)
    service["spec"] |= {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], "type": "LoadBalancer"}
    item = only(SERVICE, live=(NAMESPACE, service), overwrite=True)
    assert item.document is not None
    assert item.document["spec"] == {**SERVICE["spec"], "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"]}
    claim = changed(CLAIM, labels={"a": "b"})
    claim["spec"] = {**CLAIM["spec"], "volumeName": "pv-2"}
    item = only(CLAIM, live=(NAMESPACE, claim), overwrite=True)
    assert item.document is not None
    assert item.document["spec"]["volumeName"] == "pv-2"
    assert item.document["metadata"]["annotations"] == CLAIM["metadata"]["annotations"]


def test_no_text_of_anybody_is_shown_and_of_secrets_nothing() -> None:
    live = (NAMESPACE, {**SECRET, "data": {"password": "other"}}, {**CONFIG, "data": {"color": "red"}})
    shown = [str(field) for item in plan(SECRET, CONFIG, live=live).items for field in item.fields]
    assert shown
    assert not [text for text in shown for word in ("aHVudGVyMg", "other", "blue", "red") if word in text]
    assert not [text for item in plan(*WHOLE, live=()).items for text in [repr(item)] if "aHVudGVyMg" in text]


@pytest.mark.parametrize(
    "gone",
    [changed(NAMESPACE, deletionTimestamp="2026-11-24T00:00:00Z"), {**NAMESPACE, "status": {"phase": "Terminating"}}],
)
def test_nothing_comes_back_into_a_namespace_that_goes_away(gone: Object) -> None:
    with pytest.raises(RefusedError, match=r"namespace shop is being deleted: wait"):
        plan(CONFIG, live=(gone,))
    with pytest.raises(RefusedError, match="namespace shop is being deleted"):
        plan(NAMESPACE, CONFIG, live=(gone,))


def test_one_object_of_a_namespace_that_is_gone_needs_that_first() -> None:
    item = only(CONFIG, live=())
    assert item.fate is Fate.CONFLICT
    assert "kind: Namespace, name: shop first" in item.why


def test_what_is_being_deleted_is_not_written() -> None:
    live = changed(CONFIG, deletionTimestamp="2026-11-24T00:00:00Z", finalizers=["example.com/hold"])
    item = only({**CONFIG, "data": {}}, live=(NAMESPACE, live), overwrite=True)
    assert (item.fate, "example.com/hold holds up" in item.why) == (Fate.CONFLICT, True)


def test_an_address_that_another_service_has_by_now_is_not_asked_for() -> None:
    other = changed(SERVICE, name="other", namespace="default")
    kept, lost = only(SERVICE), only(SERVICE, live=(NAMESPACE, other))
    assert kept.document is not None
    assert lost.document is not None
    assert kept.document["spec"] == SERVICE["spec"]
    assert "clusterIP" not in lost.document["spec"]
    assert lost.document["spec"]["ports"] == [{"name": "http", "port": 80, "protocol": "TCP"}]
    assert "10.96.0.7, 30080" in lost.note


def test_a_headless_service_stays_one() -> None:
    headless = {**SERVICE, "spec": {"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 80}]}}
    document = only(headless).document
    assert document is not None
    assert document["spec"]["clusterIP"] == "None"


def test_a_claim_whose_volume_is_gone_gets_a_new_one_and_that_is_said() -> None:
    item = only(CLAIM)
    assert item.document is not None
    assert "volumeName" not in item.document["spec"]
    assert item.document["metadata"]["annotations"] == {"note": "mine"}
    assert "pv-1 is gone: it gets a new one, which is empty" in item.note


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ({"namespace": "shop", "name": "data", "uid": "old"}, "kept for the claim of this name that is gone"),
        ({"namespace": "other", "name": "theirs", "uid": "x"}, "its volume pv-1 is other/theirs's now"),
    ],
)
def test_a_claim_whose_volume_another_one_has_is_a_conflict(claim: Object, why: str) -> None:
    item = only(CLAIM, live=(NAMESPACE, {**VOLUME, "spec": {"claimRef": claim}}))
    assert (item.fate, why in item.why) == (Fate.CONFLICT, True)


def test_a_claim_is_bound_again_to_a_volume_that_waits_for_it() -> None:
    waiting = {**VOLUME, "spec": {"claimRef": {"namespace": "shop", "name": "data"}}}
    document = only(CLAIM, live=(NAMESPACE, waiting)).document
    assert document is not None
    assert document["spec"]["volumeName"] == "pv-1"


def test_what_its_owner_makes_again_is_left_out_whether_that_lives_or_comes_back() -> None:
    pod = owned(POD, REPLICAS, controller=True)
    fates = {one.ref.kind: one.fate for one in plan(DEPLOYMENT, REPLICAS).items}
    assert fates == {"Deployment": Fate.CREATE, "ReplicaSet": Fate.LEFT_OUT}
    assert only(pod, live=(NAMESPACE, REPLICAS)).fate is Fate.LEFT_OUT


def test_what_belongs_to_somebody_who_is_gone_is_a_conflict() -> None:
    owner = made("Certificate", "site", api_version="cert-manager.io/v1")
    item = only(owned(SECRET, owner))
    assert (item.fate, "its owner Certificate site is gone" in item.why) == (Fate.CONFLICT, True)


def test_owners_come_first_and_are_referred_to_by_the_uids_that_they_are_made_with() -> None:
    owner = made("Certificate", "site", api_version="cert-manager.io/v1")
    first, second = plan(owned(SECRET, owner), owner).items
    assert (first.ref.kind, second.ref.kind) == ("Certificate", "Secret")
    assert second.awaited == (first.ref.identity,)
    assert second.document is not None
    document = with_owner_uids(second.document, {first.ref.identity: "new"})
    assert document["metadata"]["ownerReferences"][0]["uid"] == "new"


def test_an_owner_that_was_made_anew_is_referred_to_by_its_own_uid() -> None:
    owner = made("Certificate", "site", api_version="cert-manager.io/v1")
    document = only(owned(SECRET, owner), live=(NAMESPACE, changed(owner, uid="of now"))).document
    assert document is not None
    assert document["metadata"]["ownerReferences"][0]["uid"] == "of now"


def test_owners_of_each_other_end_nowhere_and_are_named() -> None:
    a, b = made("ConfigMap", "a"), made("ConfigMap", "b")
    assert {one.why for one in plan(owned(a, b), owned(b, a)).items} == {"its owners own each other"}


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (made("Event", "e"), "a moment that is over"),
        (made("Lease", "l", api_version="coordination.k8s.io/v1"), "whoever holds it"),
        (made("Node", "w-1", ""), "kubelet registers it"),
        (made("ConfigMap", "kube-root-ca.crt"), "Kubernetes itself"),
        (changed(CONFIG, labels={"io.windlass/addon": "dns"}), "applies it by the spec"),
        (changed(CONFIG, deletionTimestamp="2026-11-24T00:00:00Z"), "was being deleted"),
        ({**JOB, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}, "would run once more"),
        ({**POD, "status": {"phase": "Failed"}}, "would run once more"),
        (changed(POD, annotations={"kubernetes.io/config.mirror": "x"}), "a file on its host"),
    ],
)
def test_what_something_else_makes_or_is_over_is_left_out(found: Object, why: str) -> None:
    item = only(found)
    assert (item.fate, item.document) == (Fate.LEFT_OUT, None)
    assert why in item.why


def test_a_token_is_made_anew_for_an_account_that_is_there() -> None:
    annotations = {"kubernetes.io/service-account.name": "bot", "kubernetes.io/service-account.uid": "old"}
    token = changed({**SECRET, "type": "kubernetes.io/service-account-token"}, annotations=annotations)
    account = made("ServiceAccount", "bot", secrets=[{"name": "login"}])
    assert "ServiceAccount bot, which is gone" in only(token).why
    document = plan(account, token).items[1].document
    assert document is not None
    assert "data" not in document
    assert document["metadata"]["annotations"] == {"kubernetes.io/service-account.name": "bot"}


def test_a_kind_that_the_cluster_does_not_serve_is_named() -> None:
    item = only(JOB, unserved=[("batch/v1", "Job")])
    assert (item.fate, "does not serve Job of batch/v1" in item.why) == (Fate.CONFLICT, True)


def test_a_pod_of_nobody_is_scheduled_anew_and_gets_a_token_of_its_own() -> None:
    mounts = [{"name": "kube-api-access-x"}, {"name": "data"}]
    pod = {**POD, "spec": {"nodeName": "w-1", "volumes": mounts, "containers": [{"name": "c", "volumeMounts": mounts}]}}
    document = only(pod).document
    assert document is not None
    assert document["spec"] == {
        "volumes": [{"name": "data"}],
        "containers": [{"name": "c", "volumeMounts": [{"name": "data"}]}],
    }


ANY = st.sampled_from([*WHOLE, POD, REPLICAS, owned(POD, REPLICAS, controller=True), owned(SECRET, DEPLOYMENT)])
TEXTS = st.dictionaries(st.sampled_from("abc"), st.text("xy", max_size=2), max_size=3)


@st.composite
def objects(draw: st.DrawFn) -> Object:
    found = copy.deepcopy(draw(ANY))
    for key in draw(st.sets(st.sampled_from(["labels", "annotations"]))):
        found["metadata"][key] = draw(TEXTS)
    if found["kind"] in {"ConfigMap", "Secret"}:
        found["data"] = draw(TEXTS)
    found["metadata"]["uid"] = draw(st.text("0123456789", min_size=1, max_size=3))
    return found


def distinct(found: list[Object]) -> tuple[Object, ...]:
    return tuple({(one["kind"], one["metadata"]["name"]): one for one in found}.values())


SOME = st.lists(objects(), max_size=6).map(distinct)


@given(bundle=SOME, live=SOME, overwrite=st.booleans())
def test_each_object_has_one_fate_and_nothing_else_is_touched(
    bundle: tuple[Object, ...], live: tuple[Object, ...], *, overwrite: bool
) -> None:
    before = copy.deepcopy((bundle, live))
    items = plan(*bundle, live=live, overwrite=overwrite).items
    assert sorted(str(one.ref) for one in items) == sorted(
        f"{one['kind']} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}".replace(" /", " ")
        for one in bundle
    )
    living = {(one["kind"], one["metadata"]["name"]) for one in live}
    for item in items:
        assert (item.document is not None) is item.is_written
        assert (item.fate is Fate.CREATE) <= ((item.ref.kind, item.ref.name) not in living)
        assert (item.fate is Fate.OVERWRITE) <= overwrite
        assert bool(item.why) is (item.fate in {Fate.CONFLICT, Fate.LEFT_OUT})
    assert (bundle, live) == before


@given(SOME, SOME)
def test_what_was_brought_back_is_there_and_a_second_plan_has_nothing_to_do(
    bundle: tuple[Object, ...], live: tuple[Object, ...]
) -> None:
    first = plan(*bundle, live=live, overwrite=True)
    after = {(one["kind"], one["metadata"]["name"]): one for one in live}
    for item in first.written:
        assert item.document is not None
        given_by_server = {"uid": "new", **item.document["metadata"]}
        after[item.ref.kind, item.ref.name] = {**item.document, "metadata": given_by_server}
    second = plan(*bundle, live=tuple(after.values()), overwrite=True)
    assert second.written == ()
    again = {str(one.ref): one.fate for one in second.items}
    assert all(again[str(one.ref)] in {Fate.SAME, Fate.LEFT_OUT} for one in first.written)


@given(objects(), objects())
def test_preparing_twice_changes_nothing_and_overwriting_gives_what_was_wanted(found: Object, other: Object) -> None:
    assert prepared(prepared(found)) == prepared(found)
    named = {key: found["metadata"][key] for key in ("name", "namespace") if key in found["metadata"]}
    live = {**found, "metadata": {**other["metadata"], **named}, "data": {"another": "x"}}
    live["metadata"] = {key: one for key, one in live["metadata"].items() if key != "namespace" or key in named}
    assert comparable(overwritten(live, prepared(found))) == comparable(found)


@given(
    addresses=st.lists(st.sampled_from(["10.96.0.1", "10.96.0.2", "10.96.0.3"]), min_size=1, max_size=5),
    has_live=st.booleans(),
)
def test_no_two_services_ever_get_the_same_address(*, addresses: list[str], has_live: bool) -> None:
    services = []
    for number, address in enumerate(addresses):
        spec = {
            "clusterIP": address,
            "clusterIPs": [address],
            "ports": [{"port": 80, "nodePort": 30000 + int(address[-1])}],
        }
        services.append({**changed(SERVICE, name=f"s{number}"), "spec": spec})
    live = (NAMESPACE, *services[: 1 if has_live else 0])
    items = plan(*services[1 if has_live else 0 :], live=live).items
    given_out = [one for item in items for one in addresses_of(item.document or {})]
    given_out += [one for service in live[1:] for one in addresses_of(service)]
    assert len(given_out) == len(set(given_out))
