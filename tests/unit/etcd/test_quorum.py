from __future__ import annotations

from collections.abc import Callable

import pytest

from windlass.domain.etcd.quorum import (
    Addition,
    Member,
    MemberHealth,
    Membership,
    Promotion,
    Removal,
    Stop,
    check,
    check_addition,
    check_planned_outage,
    check_promotion,
    check_removal,
    check_stop,
    what_if,
)
from windlass.errors import RefusedError

HEALTH: dict[str, MemberHealth] = {"h": "healthy", "d": "unhealthy", "?": "unknown"}


def cluster(letters: str, desired: int | None = None) -> Membership:
    """Make cp-1, cp-2, … of h(ealthy), d(ead), ? (unknown), u(nstarted voter); l, s: healthy and unstarted learner."""
    members = tuple(
        Member(
            name=f"cp-{number}",
            id=number,
            role="learner" if letter in "ls" else "voter",
            started=letter not in "us",
            health=HEALTH.get(letter, "healthy" if letter == "l" else "unhealthy"),
        )
        for number, letter in enumerate(letters, start=1)
    )
    return Membership(members, frozenset(f"cp-{number}" for number in range(1, (desired or len(letters)) + 1)))


def refusal(decide: Callable[[], None]) -> str:
    with pytest.raises(RefusedError) as caught:
        decide()
    return str(caught.value)


@pytest.mark.parametrize(
    ("members", "target"),
    [
        ("hhd", 3),  # the dead one of three
        ("hhhdd", 4),  # one of two dead ones of five
        ("hhhd?", 4),
        ("hhh", 3),  # scaling down
        ("hh", 2),
        ("hhu", 3),  # never started
        ("hhhuu", 5),
        ("hhhs", 4),
        ("hhl", 3),  # a learner that is no longer wanted
    ],
)
def test_a_removal_that_keeps_quorum_is_allowed(members: str, target: int) -> None:
    membership = cluster(members)

    check_removal(membership.members[target - 1], membership)


@pytest.mark.parametrize(
    ("members", "target", "reason"),
    [
        ("hdd", 3, "only 1 of 3 voters are known to be healthy, and 2 must agree"),
        ("h?d", 3, r"only 1 of 3 voters are known to be healthy \(1 could not be seen\)"),
        ("hd", 2, "only 1 of 2 voters"),
        ("h", 1, "it is the last; delete the cluster instead"),
        ("hh?", 3, "could not be seen, which does not mean that it is dead"),
        ("hhd", 1, "1 of 2 voters would be healthy, and 2 are needed|it is healthy, and cp-3 is unhealthy"),
        ("hhhhd", 1, "it is healthy, and cp-5 is unhealthy"),
        ("hhhh?", 1, "it is healthy, and cp-5 is unknown"),
        ("hhhdu", 4, "cp-5 was added and never started; start or remove cp-5 first"),
        ("hhdl", 3, "cp-4 is still a learner; promote or remove cp-4 first"),
    ],
)
def test_a_removal_is_refused_with_the_reason(members: str, target: int, reason: str) -> None:
    membership = cluster(members)

    with pytest.raises(RefusedError, match=reason):
        check_removal(membership.members[target - 1], membership)


def test_a_second_member_is_not_taken_away_while_the_first_is_being_replaced() -> None:
    membership = cluster("hhhd", desired=5)  # cp-5 was removed and is not back

    assert "cp-5 is being replaced; add cp-5 first" in refusal(lambda: check_removal(membership.members[3], membership))


def test_the_old_twin_of_a_member_may_go_though_another_is_missing() -> None:
    twins = (*cluster("hhh").members, Member("cp-3", 9, "voter", started=True, health="unhealthy"))
    membership = Membership(twins, frozenset({"cp-1", "cp-2", "cp-3", "cp-4"}))

    check_removal(twins[3], membership)


def test_a_member_that_is_gone_already_is_refused_by_its_id() -> None:
    stranger = Member("cp-9", 0xABC, "voter", started=True, health="unhealthy")

    assert "no member has the id abc" in refusal(lambda: check_removal(stranger, cluster("hhh")))


def test_what_the_caller_saw_earlier_does_not_count() -> None:
    membership = cluster("hh?")
    seen_earlier = Member("cp-3", 3, "voter", started=True, health="unhealthy")

    assert "could not be seen" in refusal(lambda: check_removal(seen_earlier, membership))


@pytest.mark.parametrize(("members", "desired"), [("hh", 3), ("h", 3), ("hhhd", 5), ("hh?", 4)])
def test_a_wanted_host_may_join_while_there_is_quorum(members: str, desired: int) -> None:
    check_addition(f"cp-{desired}", cluster(members, desired))


@pytest.mark.parametrize(
    ("members", "name", "reason"),
    [
        ("hh", "w-1", "the spec has no etcd host of that name"),
        ("hd", "cp-3", "only 1 of 2 voters"),
        ("h?", "cp-3", "could not be seen"),
        ("hhd", "cp-3", "it is a member already; remove the old member first"),
        ("hhu", "cp-4", "cp-3 was added and never started"),
        ("hhl", "cp-4", "cp-3 is still a learner"),
    ],
)
def test_an_addition_is_refused_with_the_reason(members: str, name: str, reason: str) -> None:
    assert reason in refusal(lambda: check_addition(name, cluster(members, desired=4)))


def test_a_healthy_learner_may_be_promoted() -> None:
    membership = cluster("hhl")

    check_promotion(membership.members[2], membership)


@pytest.mark.parametrize(
    ("members", "target", "reason"),
    [
        ("hhh", 3, "it has its vote already"),
        ("hhs", 3, "it has not started"),
        ("hdl", 3, "only 1 of 2 voters"),
        ("hhul", 4, "cp-3 was added and never started"),
    ],
)
def test_a_promotion_is_refused_with_the_reason(members: str, target: int, reason: str) -> None:
    membership = cluster(members)

    assert reason in refusal(lambda: check_promotion(membership.members[target - 1], membership))


@pytest.mark.parametrize("health", ["unhealthy", "unknown"])
def test_a_learner_that_is_not_known_to_be_healthy_gets_no_vote(health: MemberHealth) -> None:
    learner = Member("cp-3", 3, "learner", started=True, health=health)
    membership = Membership((*cluster("hh").members, learner), frozenset({"cp-1", "cp-2", "cp-3"}))

    assert f"it is {health}" in refusal(lambda: check_promotion(learner, membership))


@pytest.mark.parametrize(
    ("members", "target"), [("hhh", 1), ("hhhhh", 5), ("hhd", 3), ("hdd", 3), ("ddd", 1), ("hhl", 3)]
)
def test_a_member_may_be_stopped_while_the_others_hold_quorum_or_it_is_dead(members: str, target: int) -> None:
    membership = cluster(members)

    check_stop(membership.members[target - 1], membership)


@pytest.mark.parametrize(
    ("members", "target", "reason"),
    [
        ("hhd", 1, "1 of 3 voters would be healthy, and 2 are needed; bring the others back first"),
        ("hh?", 1, "1 of 3 voters would be healthy"),
        ("h??", 2, "1 of 3 voters would be healthy"),
        ("hhhhd", 1, "cp-5 is unhealthy; bring cp-5 back first"),
        ("hhhh?", 1, "cp-5 is unknown"),
        ("hhhl", 1, "cp-4 is still a learner"),
        ("h", 1, "it takes a planned outage"),
        ("hh", 1, "it takes a planned outage"),
    ],
)
def test_a_stop_is_refused_with_the_reason(members: str, target: int, reason: str) -> None:
    membership = cluster(members)

    assert reason in refusal(lambda: check_stop(membership.members[target - 1], membership))


@pytest.mark.parametrize("members", ["h", "hh"])
def test_one_or_two_voters_may_be_stopped_by_a_planned_outage(members: str) -> None:
    membership = cluster(members)

    check_planned_outage(membership.members[0], membership)


@pytest.mark.parametrize(
    ("members", "reason"), [("hhh", "one by one without an outage"), ("hd", "only 1 of 2"), ("hl", "still a learner")]
)
def test_a_planned_outage_is_refused_where_it_is_not_needed_or_not_safe(members: str, reason: str) -> None:
    membership = cluster(members)

    assert reason in refusal(lambda: check_planned_outage(membership.members[0], membership))


def test_shows_what_a_step_does_to_quorum() -> None:
    three, replacing, learning, five = cluster("hhh"), cluster("hh", 3), cluster("hhl"), cluster("hhhdd")

    assert str(what_if(three, Stop(three.members[0]))) == "now 3 of 3; after this step 2 of 3; tolerates 0"
    assert str(what_if(three, Removal(three.members[0]))) == "now 3 of 3; after this step 2 of 2; tolerates 0"
    assert str(what_if(replacing, Addition("cp-3"))) == "now 2 of 2; after this step 2 of 2; tolerates 0"
    assert str(what_if(learning, Promotion(learning.members[2]))) == "now 2 of 2; after this step 3 of 3; tolerates 1"
    assert str(what_if(five, Removal(five.members[4]))) == "now 3 of 5; after this step 3 of 4; tolerates 0"
    assert str(what_if(five, Stop(five.members[0]))) == "now 3 of 5; after this step 2 of 5; no quorum"


def test_a_refusal_says_what_why_and_what_to_do() -> None:
    membership = cluster("hdd")

    assert refusal(lambda: check(Removal(membership.members[2]), membership)) == (
        "etcd: removing cp-3 is refused: only 1 of 3 voters are known to be healthy, and 2 must agree to it; "
        "bring members back, or run the DAG disaster_recovery"
    )


def test_a_member_that_never_started_is_not_relied_on_whatever_answers_at_its_address() -> None:
    impostor = Member("https://192.0.2.9:2380", 9, "voter", started=False, health="healthy")
    membership = Membership((*cluster("hd").members, impostor), frozenset({"cp-1", "cp-2"}))

    assert "only 1 of 3 voters" in refusal(lambda: check_removal(impostor, membership))
