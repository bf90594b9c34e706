"""A new etcd cluster is begun only where none of this cluster may exist, whatever is lost and whoever is silent."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.etcd.world import cluster
from windlass.domain.etcd.bootstrap import BootstrapHost, MemberOrigin, check_bootstrap, initial_cluster_of
from windlass.domain.etcd.status import ListedMember, MemberStatus, ObservedMember
from windlass.domain.host.layout import CLUSTER_MARK, ETCD_DATA, stack_directory
from windlass.domain.scripts.bootstrap import bootstrap_script, member_origin_script, parse_member_origin
from windlass.domain.scripts.script import changes_of
from windlass.errors import RefusedError

CLUSTER = cluster()
NAMES = tuple(host.name for host in CLUSTER.hosts_with("etcd"))
INITIAL = initial_cluster_of(CLUSTER)
FRESH = BootstrapHost(ObservedMember("absent", has_data=False), MemberOrigin("demo"))
WAITING = BootstrapHost(ObservedMember("running", has_data=True), MemberOrigin("demo", INITIAL, len(NAMES)))
SERVED = replace(WAITING, origin=MemberOrigin("demo", INITIAL, len(NAMES) + 1))
STATUS = MemberStatus(1, 0xABC, 1, 9, "3.7.3", 2, 9, 9, 0, 0, 0, is_learner=False, errors=())


def member(host: BootstrapHost, **changes: object) -> BootstrapHost:
    return replace(host, member=replace(host.member, **changes))  # type: ignore[arg-type]  # plain words


def origin(host: BootstrapHost, **changes: object) -> BootstrapHost:
    return replace(host, origin=replace(host.origin, **changes))  # type: ignore[arg-type]  # plain words


def serving(*up: str) -> BootstrapHost:
    """A member that answers, in a cluster of which these have come up."""
    listed = [
        ListedMember(number, name, (f"https://192.0.2.{number}:2380",), ("https://c:2379",) if name in up else ())
        for number, name in enumerate(NAMES, 1)
    ]
    return member(SERVED, status=STATUS, listed=tuple(listed))


def check(*hosts: BootstrapHost, created: str | None = None) -> tuple[str, ...]:
    return check_bootstrap(CLUSTER, dict(zip(NAMES, hosts, strict=True)), created)


def test_names_every_member_and_where_it_is() -> None:
    assert INITIAL == "cp-1=https://192.0.2.1:2380,cp-2=https://192.0.2.2:2380,cp-3=https://192.0.2.3:2380"


def test_a_wholly_new_cluster_is_begun_on_all_hosts() -> None:
    assert check(FRESH, FRESH, FRESH) == NAMES


@given(st.lists(st.sampled_from([FRESH, WAITING]), min_size=3, max_size=3))
def test_a_bootstrap_that_broke_off_goes_on_with_those_that_have_not_begun(hosts: list[BootstrapHost]) -> None:
    assert check(*hosts) == tuple(name for name, host in zip(NAMES, hosts, strict=True) if host is FRESH)


def test_a_bootstrap_goes_on_with_one_that_never_came_up_where_the_others_have_a_quorum() -> None:
    two = serving("cp-1", "cp-2")
    assert check(two, two, FRESH) == ("cp-3",)
    assert check(two, WAITING, FRESH) == ("cp-3",)


def test_two_clusters_at_once_are_no_ground_to_begin_on() -> None:
    other = member(serving("cp-2"), status=replace(STATUS, cluster_id=0xDEF))
    with pytest.raises(RefusedError, match="the hosts run 2 etcd clusters at once"):
        check(serving("cp-1"), other, FRESH)


def test_one_that_is_about_to_write_its_first_data_may_be_started_again() -> None:
    begins = origin(member(FRESH, process="running"), initial_cluster=INITIAL)
    assert check(begins, WAITING, FRESH) == ("cp-1", "cp-3")


def test_where_all_have_their_data_nothing_is_begun_whatever_else_is_known() -> None:
    assert check(SERVED, SERVED, member(SERVED, status=STATUS), created="abc") == ()


SIGNS: dict[str, tuple[BootstrapHost, str]] = {
    "its host is silent": (
        member(FRESH, process="unknown", has_data=None, reason="cp-2: no route to host"),
        "cp-2: nobody can tell whether it has a member (cp-2: no route to host)",
    ),
    "nobody can tell whether it has data": (
        member(FRESH, has_data=None),
        "cp-2: nobody can tell whether it has a member (it did not say)",
    ),
    "its process is unknown": (
        member(FRESH, process="unknown"),
        "cp-2: nobody can tell whether it has a member (it did not say)",
    ),
    "it answers, and knows of one that came up": (
        serving("cp-1", "cp-2"),
        "cp-2: in the etcd cluster abc of its member cp-1 came up before",
    ),
    "it answers without a leader": (
        member(serving("cp-2"), status=replace(STATUS, leader_id=0)),
        "cp-2: its member answers and has no leader",
    ),
    "it answers, and lists other members": (
        member(serving("cp-2"), listed=serving("cp-2").member.listed[:2]),
        "cp-2: the etcd cluster abc has other members by now",
    ),
    "it answers, and nothing says how it began": (
        origin(serving("cp-2"), initial_cluster=None),
        "cp-2: it has data, and nothing says with which members that began",
    ),
    "it has had a quorum": (
        SERVED,
        "cp-2: its member has had a quorum (it has applied 4 entries), and does not answer",
    ),
    "it does not say what it has applied": (
        origin(WAITING, applied=None),
        "cp-2: it has data, and its member does not say whether it ever had a quorum",
    ),
    "its data began some other way": (
        origin(WAITING, initial_cluster=None),
        "cp-2: it has data, and nothing says with which members that began",
    ),
    "it was started with other members": (
        origin(WAITING, initial_cluster="cp-2=https://192.0.2.2:2380"),
        "cp-2: its member was started with other members (cp-2=https://192.0.2.2:2380)",
    ),
    "an etcd of somebody else runs": (
        member(FRESH, process="running"),
        "cp-2: an etcd runs there that was not started as one of these members",
    ),
    "it is another cluster's": (
        origin(FRESH, mark="other"),
        "cp-2: it is a host of the cluster `other`",
    ),
    "it keeps what was replaced": (
        origin(FRESH, remains=("member.replaced-1",)),
        "cp-2: it keeps what a replacement or a recovery left (member.replaced-1)",
    ),
}


@pytest.mark.parametrize("name", SIGNS)
def test_a_single_sign_that_one_may_exist_is_enough_to_begin_none(name: str) -> None:
    sign, reason = SIGNS[name]
    with pytest.raises(RefusedError) as refused:
        check(FRESH, sign, FRESH)
    assert reason in str(refused.value)
    assert "disaster_recovery" in str(refused.value)


def test_a_cluster_that_was_verified_once_is_not_begun_again() -> None:
    with pytest.raises(RefusedError, match="the store says that the etcd cluster abc was verified once"):
        check(FRESH, FRESH, FRESH, created="abc")


def test_every_reason_is_told_at_once() -> None:
    with pytest.raises(RefusedError) as refused:
        check(SIGNS["its host is silent"][0], SERVED, FRESH, created="abc")
    assert all(text in str(refused.value) for text in ("verified once", "cp-1: nobody", "cp-2: its member has had"))


@dataclass(frozen=True)
class Truth:
    """What really is on one host, and what of it can be observed."""

    has_begun: bool
    has_lost_data: bool
    has_lost_disk: bool
    is_silent: bool
    runs: bool


TRUTHS = st.lists(st.builds(Truth, *[st.booleans()] * 5), min_size=3, max_size=3)


@given(truths=TRUTHS, has_formed=st.booleans(), created=st.sampled_from([None, "abc"]))
def test_none_is_begun_while_data_of_a_quorum_lies_anywhere(
    *, truths: list[Truth], has_formed: bool, created: str | None
) -> None:
    """Whatever was begun, lost and cannot be seen: as long as a host holds what a quorum agreed on."""
    begun = sum(truth.has_begun for truth in truths)
    formed = has_formed and begun > len(truths) // 2
    try:
        new = check(*(observed(truth, formed=formed) for truth in truths), created=created)
    except RefusedError:
        return
    held = [truth for truth in truths if truth.has_begun and not truth.has_lost_data and not truth.has_lost_disk]
    assert not new or not (formed and held)
    assert not new or not any(truth.is_silent for truth in truths)


def observed(truth: Truth, *, formed: bool) -> BootstrapHost:
    """What a host shows; without a quorum now, its member answers nobody."""
    if truth.is_silent:
        return BootstrapHost(ObservedMember("unknown", reason="silent"))
    has_data = truth.has_begun and not truth.has_lost_data and not truth.has_lost_disk
    note = INITIAL if truth.has_begun and not truth.has_lost_disk else None
    applied = (len(NAMES) + 5 * formed) if has_data and truth.runs else None
    process = ObservedMember("running" if truth.runs and has_data else "stopped", has_data=has_data)
    return BootstrapHost(process, MemberOrigin("demo", note, applied))


DOCKER = """#!/bin/sh
echo "$WINDLASS_ETCD_STATE $WINDLASS_ETCD_CLUSTER $*" >> $STATE/calls
"""
CURL = """#!/bin/sh
[ -e $STATE/serves ] || exit 7
printf '# HELP etcd_server_proposals_applied_total x\\netcd_server_proposals_applied_total 3\\n'
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"docker": DOCKER, "curl": CURL}.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "stack").mkdir()
    (tmp_path / "cluster").write_text("demo\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    return tmp_path


def run(state: Path, text: str) -> str:
    places = {ETCD_DATA: "etcd", stack_directory("etcd"): "stack", CLUSTER_MARK: "cluster"}
    for path, name in places.items():
        text = text.replace(path, str(state / name))
    done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def test_a_member_without_data_is_started_as_one_of_a_new_cluster_and_that_is_noted(state: Path) -> None:
    assert parse_member_origin(run(state, member_origin_script().text)) == MemberOrigin("demo")

    for _ in range(2):
        assert changes_of(run(state, bootstrap_script(INITIAL).text)) == ("stack etcd",)

    up = f"new {INITIAL} compose -p windlass-etcd -f compose.yaml up -d --remove-orphans\n"
    assert (state / "calls").read_text() == up * 2
    assert parse_member_origin(run(state, member_origin_script().text)) == MemberOrigin("demo", INITIAL)


def test_a_member_with_data_is_left_alone_and_says_what_it_has_applied(state: Path) -> None:
    run(state, bootstrap_script(INITIAL).text)
    wal = state / "etcd" / "member" / "wal"
    wal.mkdir(parents=True)
    (wal / "0.wal").touch()
    (state / "serves").touch()

    assert changes_of(run(state, bootstrap_script("other").text)) == ()
    assert parse_member_origin(run(state, member_origin_script().text)) == MemberOrigin("demo", INITIAL, 3)


def test_what_replacements_and_recoveries_leave_is_named(state: Path) -> None:
    for name in ("member.replaced-1", "restore-abc"):
        (state / "etcd" / name).mkdir(parents=True)
    (state / "etcd" / "recovered").write_text("abc\n")
    found = parse_member_origin(run(state, member_origin_script().text))
    assert found.remains == ("member.replaced-1", "restore-abc", "recovered")
