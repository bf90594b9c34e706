from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.etcd.status import ListedMember, MemberStatus, ObservedMember
from windlass.domain.pki import EncryptionKey, Pki, issue_pki
from windlass.domain.recovery import (
    REVISION_GAP,
    BundleOrigin,
    DataLoss,
    RecoveryRequest,
    Survey,
    bump_for,
    is_of_one_cluster,
    joined_pki,
    plan_recovery,
    reduced,
    version_for,
)
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster
from windlass.errors import RefusedError, UnreachableError

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
ETCD = ("cp-1", "cp-2", "cp-3")


def cluster() -> Cluster:
    hosts = [
        *({"name": name, "address": f"192.0.2.{name[-1]}", "roles": ["etcd", "control-plane"]} for name in ETCD),
        {"name": "w-1", "address": "192.0.2.9", "roles": ["worker"]},
    ]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": hosts}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


DESIRED = {host.name: f"https://{host.address}:2380" for host in cluster().hosts_with("etcd")}
LISTED = tuple(ListedMember(number, name, (url,)) for number, (name, url) in enumerate(DESIRED.items(), 1))


def sighting(letter: str) -> ObservedMember:
    """Return what is seen of a member: l(ed), a(lone, without a leader), d(ead), ? (its host does not answer)."""
    if letter in "dw":
        return ObservedMember("absent")
    if letter == "?":
        return ObservedMember("unknown")
    status = MemberStatus(1, 7, int(letter == "l"), 1107, "3.7.3", 2, 9, 9, 1, 1, 2, is_learner=False, errors=())
    return ObservedMember("running", status, LISTED)


def survey(letters: str, *, worker: bool = True, life: str | None = "mine") -> Survey:
    seen = {url: sighting(letter) for url, letter in zip(DESIRED.values(), letters, strict=True)}
    unreachable = {name: f"{name}: no route" for name, letter in zip(ETCD, letters, strict=True) if letter == "?"}
    if not worker:
        unreachable["w-1"] = "w-1: no route"
    return Survey(EtcdObservation(DESIRED, seen), unreachable, life)


BUNDLE = BundleOrigin(1042, "mine", has_our_keys=True)
NEWER = BundleOrigin(1108, "mine", has_our_keys=True)
"""Of more than the members hold now."""
TWICE = RecoveryRequest("newest", overwrite_healthy=True, confirm_name="demo")


def test_all_members_come_back_where_all_hosts_answer() -> None:
    plan = plan_recovery(cluster(), survey("ddd"), RecoveryRequest("newest"), BUNDLE)

    assert (plan.hosts, plan.etcd, plan.absent) == ((*ETCD, "w-1"), ETCD, ())
    assert str(plan) == ("etcd: now 0 of 3 members have a leader; after this 3 of 3 (cp-1, cp-2, cp-3); tolerates 1")


def test_a_minority_without_a_leader_is_no_live_cluster() -> None:
    assert plan_recovery(cluster(), survey("add"), RecoveryRequest("newest"), BUNDLE).is_whole


def test_what_does_not_answer_is_left_out_and_named() -> None:
    plan = plan_recovery(cluster(), survey("dd?", worker=False), RecoveryRequest("newest"), BUNDLE)

    assert (plan.etcd, plan.absent) == (("cp-1", "cp-2"), ("cp-3", "w-1"))
    assert "tolerates 0" in str(plan)
    assert "left out, since they do not answer: cp-3, w-1. See that they are switched off" in str(plan)


@pytest.mark.parametrize(
    ("letters", "reason"),
    [("lll", "lives: etcd has a leader"), ("lld", "lives"), ("d??", "may live: cp-2, cp-3 could not be seen")],
)
@pytest.mark.parametrize(
    "wish",
    [
        RecoveryRequest("newest"),
        RecoveryRequest("newest", overwrite_healthy=True),
        RecoveryRequest("newest", confirm_name="demo"),
        RecoveryRequest("newest", overwrite_healthy=True, confirm_name="Demo"),
    ],
)
def test_what_lives_or_may_live_is_only_overwritten_if_told_twice(
    letters: str, reason: str, wish: RecoveryRequest
) -> None:
    with pytest.raises(RefusedError, match=f"{reason}.*`overwrite_healthy` and `confirm_name: demo`"):
        plan_recovery(cluster(), survey(letters), wish, BUNDLE)
    plan_recovery(cluster(), survey(letters), TWICE, BUNDLE)


@pytest.mark.parametrize("life", ["", "another"])
def test_members_that_started_over_are_not_taken_for_the_cluster(life: str) -> None:
    # Their data was lost, and they were started with an empty directory each: a leader, and nothing of what was.
    assert plan_recovery(cluster(), survey("lll", life=life), RecoveryRequest("newest"), NEWER).is_whole


@pytest.mark.parametrize(
    ("life", "origin"),
    [
        ("mine", NEWER),  # somebody went back to old data
        (None, NEWER),
        ("another", replace(NEWER, revision=1107)),
        ("another", replace(NEWER, has_our_keys=False)),  # deleted and recreated: the bundle is a former cluster's
    ],
)
def test_what_may_be_the_cluster_as_it_goes_on_is_taken_for_it(life: str | None, origin: BundleOrigin) -> None:
    with pytest.raises(RefusedError, match="lives"):
        plan_recovery(cluster(), survey("lll", life=life), RecoveryRequest("newest"), origin)


def test_without_any_host_there_is_nothing_to_recover_on() -> None:
    with pytest.raises(UnreachableError, match="no host with the role etcd answers: cp-1: no route"):
        plan_recovery(cluster(), survey("???"), TWICE, BUNDLE)


@given(st.text(alphabet="lad?", min_size=3, max_size=3), st.booleans())
def test_a_quorum_that_is_there_or_may_be_is_never_overwritten_unasked(letters: str, worker: bool) -> None:  # noqa: FBT001  a draw
    try:
        plan = plan_recovery(cluster(), survey(letters, worker=worker), RecoveryRequest("newest"), BUNDLE)
    except (RefusedError, UnreachableError):
        return
    assert "l" not in letters
    assert letters.count("?") < 2
    assert set(plan.etcd) == {name for name, letter in zip(ETCD, letters, strict=True) if letter != "?"}


def test_a_reduced_cluster_knows_only_the_hosts_that_are_left() -> None:
    small = reduced(cluster(), ("cp-1", "w-1"))
    assert [host.name for host in small.spec.hosts.members] == ["cp-1", "w-1"]
    assert [host.name for host in small.hosts_with("etcd")] == ["cp-1"]


@given(st.integers(1, 10**12), st.lists(st.one_of(st.none(), st.integers(1, 10**12))))
def test_a_restored_cluster_goes_on_beyond_every_known_revision(bundle: int, known: list[int | None]) -> None:
    first = bundle + bump_for(bundle, known)

    assert all(first >= one + REVISION_GAP for one in (bundle, *known) if one is not None)
    # Once more from the same bundle, after the recovery had written a while:
    assert bundle + bump_for(bundle, [*known, first + 12_345]) > first + 12_345


@pytest.mark.parametrize(
    ("ago", "live", "told"),
    [
        (timedelta(seconds=40), None, "40 s ago, at revision 1042; the live data cannot be read, and whatever was"),
        (timedelta(minutes=5), 1107, "5 min ago, at revision 1042; a member still tells revision 1107: 65 revisions"),
        (timedelta(hours=30), 1042, "30 h ago, at revision 1042; a member still tells revision 1042: nothing is lost"),
        (timedelta(days=3), 1000, "3 d ago, at revision 1042; a member still tells revision 1000: nothing is lost"),
    ],
)
def test_tells_what_is_lost(ago: timedelta, live: int | None, told: str) -> None:
    assert told in str(DataLoss("20261124T075500Z-r1042", NOW - ago, 1042, NOW, live))


@pytest.fixture(scope="module")
def pki() -> Pki:
    return issue_pki(cluster(), NOW)


def key(name: str, text: str) -> EncryptionKey:
    return EncryptionKey(name, Secret(text))


def test_keys_of_secrets_that_were_rotated_away_come_back_behind_the_present_ones(pki: Pki) -> None:
    stored = replace(pki, encryption_keys=(key("new", "n"),))
    bundled = replace(pki, encryption_keys=(key("old", "o"), key("new", "n")), leaves={})

    joined = joined_pki(stored, bundled)

    assert joined.encryption_keys == (key("new", "n"), key("old", "o"))
    assert joined.leaves == stored.leaves
    assert joined_pki(None, bundled) == bundled
    assert joined_pki(joined, bundled) == joined


def test_a_cluster_is_known_by_its_keys_whatever_was_renewed(pki: Pki) -> None:
    renewed = replace(pki, leaves={}, authorities={}, encryption_keys=(key("new", "n"),))
    assert is_of_one_cluster(pki, renewed)
    assert is_of_one_cluster(joined_pki(renewed, pki), pki)
    assert not is_of_one_cluster(issue_pki(cluster(), NOW), pki)
    assert not is_of_one_cluster(joined_pki(issue_pki(cluster(), NOW), pki), pki)


def test_two_keys_of_one_name_stay_apart(pki: Pki) -> None:
    stored, bundled = (replace(pki, encryption_keys=(key("key", text),)) for text in "no")
    assert joined_pki(stored, bundled).encryption_keys == (key("key", "n"), key("key-bundle", "o"))


@pytest.mark.parametrize("bundled", ["v1.37.2", "v1.37.0", "v1.36.3"])
def test_data_of_the_minor_version_before_is_read(bundled: str) -> None:
    assert version_for("v1.37.2", bundled, restore=False) == "v1.37.2"
    assert version_for("v1.37.2", bundled, restore=True) == bundled


@pytest.mark.parametrize(
    ("desired", "bundled"), [("v1.36.3", "v1.37.2"), ("v1.37.2", "v1.35.1"), ("v2.1.0", "v1.37.2")]
)
def test_other_data_needs_the_bundles_own_version(desired: str, bundled: str) -> None:
    with pytest.raises(RefusedError, match="restore_versions"):
        version_for(desired, bundled, restore=False)
    assert version_for(desired, bundled, restore=True) == bundled
