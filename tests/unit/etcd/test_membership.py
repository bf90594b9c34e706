from __future__ import annotations

from dataclasses import replace

import pytest

from windlass.domain.etcd.membership import EtcdObservation, assess, name_of
from windlass.domain.etcd.status import ListedMember, MemberStatus, ObservedMember, Process
from windlass.errors import NotReadyError, RefusedError

DESIRED = {f"cp-{number}": f"https://192.0.2.{number}:2380" for number in (1, 2, 3)}
LISTED = tuple(ListedMember(number, f"cp-{number}", (DESIRED[f"cp-{number}"],)) for number in (1, 2, 3))


def status(member: int, *, leader: int = 1, cluster: int = 77, errors: tuple[str, ...] = ()) -> MemberStatus:
    return MemberStatus(member, cluster, leader, 42, "3.7.3", 2, 10, 10, 100, 100, 200, is_learner=False, errors=errors)


def well(member: int, listed: tuple[ListedMember, ...] = LISTED) -> ObservedMember:
    return ObservedMember("running", status(member), listed, has_data=True)


def observe(*seen: ObservedMember, desired: dict[str, str] | None = None) -> EtcdObservation:
    return EtcdObservation(desired or DESIRED, dict(zip(DESIRED.values(), seen, strict=False)))


def healths(observed: EtcdObservation) -> dict[str, str]:
    return {member.name: member.health for member in assess(observed).members}


def test_a_member_that_answers_and_has_a_leader_is_healthy() -> None:
    assert healths(observe(well(1), well(2), well(3))) == dict.fromkeys(DESIRED, "healthy")


@pytest.mark.parametrize("process", ["running", "stopped", "absent"])
def test_a_member_that_does_not_answer_on_a_host_that_does_is_unhealthy(process: Process) -> None:
    assert healths(observe(well(1), well(2), ObservedMember(process)))["cp-3"] == "unhealthy"


def test_a_member_on_a_host_that_does_not_answer_is_unknown_whoever_asked_it() -> None:
    for sighting in (ObservedMember("unknown"), ObservedMember("unknown", asked_from=frozenset({"cp-1", "cp-2"}))):
        assert healths(observe(well(1), well(2), sighting))["cp-3"] == "unknown"


def test_a_member_that_others_reach_is_healthy_though_its_host_does_not_answer() -> None:
    assert healths(observe(well(1), well(2), ObservedMember("unknown", status(3), LISTED)))["cp-3"] == "healthy"


@pytest.mark.parametrize(
    "said",
    [
        status(3, leader=0),
        status(9),
        status(3, cluster=78, leader=0),
        status(3, errors=("memberID:3 alarm:CORRUPT ",)),
    ],
)
def test_a_member_that_answers_otherwise_than_it_should_is_unhealthy(said: MemberStatus) -> None:
    assert healths(observe(well(1), well(2), ObservedMember("running", said, LISTED)))["cp-3"] == "unhealthy"


def test_an_alarm_about_another_member_or_about_space_does_not_make_a_member_unhealthy() -> None:
    errors = ("memberID:3 alarm:CORRUPT ", "memberID:1 alarm:NOSPACE ")
    first = ObservedMember("running", status(1, errors=errors), LISTED)
    assert healths(observe(first, well(2), well(3)))["cp-1"] == "healthy"


def test_a_member_at_an_address_that_is_no_hosts_of_the_spec_is_judged_by_those_that_have_members() -> None:
    old = ListedMember(9, "cp-3", ("https://192.0.2.99:2380",))
    listed = (*LISTED[:2], old)
    seen = observe(well(1, listed), well(2, listed), ObservedMember("absent"))
    asked = ObservedMember("unknown", asked_from=frozenset({"cp-1", "cp-2"}))

    assert healths(seen)["cp-3"] == "unknown"
    assert healths(replace(seen, members={**seen.members, old.peer_urls[0]: asked}))["cp-3"] == "unhealthy"


def test_one_that_never_started_goes_by_its_address_and_is_on_the_host_of_that_address() -> None:
    listed = (*LISTED[:2], ListedMember(9, "", (DESIRED["cp-3"],), is_learner=True))
    membership = assess(observe(well(1, listed), well(2, listed), ObservedMember("absent")))
    (unstarted,) = membership.unfinished

    assert (unstarted.name, unstarted.health, unstarted.role) == (DESIRED["cp-3"], "unhealthy", "learner")
    assert name_of(unstarted, listed, DESIRED) == "cp-3"


def test_the_list_of_a_member_with_a_leader_counts_before_that_of_one_without() -> None:
    stale = ObservedMember("running", replace(status(3, leader=0), raft_applied_index=99), (LISTED[2],))
    assert len(assess(observe(well(1), well(2), stale)).members) == 3


def test_without_a_leader_the_members_are_still_known() -> None:
    alone = ObservedMember("running", status(1, leader=0), LISTED)
    observed = observe(alone, ObservedMember("absent"), ObservedMember("unknown"))

    assert healths(observed) == {"cp-1": "unhealthy", "cp-2": "unhealthy", "cp-3": "unknown"}
    assert not observed.has_leader
    assert observed.unknown == ("cp-3",)
    assert observed.revision == 42


def test_who_the_members_are_is_not_guessed() -> None:
    with pytest.raises(NotReadyError, match=r"no member answers.*cp-1: refused.*disaster_recovery"):
        assess(observe(ObservedMember("absent", reason="cp-1: refused")))


def test_two_clusters_at_once_are_refused_and_named() -> None:
    other = ObservedMember("running", status(3, leader=3, cluster=78), (LISTED[2],))
    with pytest.raises(RefusedError, match=r"2 clusters at once \(4d on cp-1, cp-2; 4e on cp-3\)"):
        assess(observe(well(1), well(2), other))


def test_a_member_left_over_from_another_cluster_counts_for_nothing() -> None:
    leftover = ObservedMember("running", status(9, leader=0, cluster=78), (LISTED[2],))
    observed = observe(well(1), well(2), leftover)

    assert observed.cluster_id == 77
    assert len(observed.listed()) == 3
