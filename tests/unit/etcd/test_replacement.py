"""Plans of replacement: what they do, and that none of them, whatever the state, does harm."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.etcd.quorum import Addition, Member, Membership, Promotion, Removal, after
from windlass.domain.etcd.replacement import ReplacementStep, Start, plan_replacement
from windlass.errors import RefusedError

NAMES = [f"cp-{number}" for number in range(1, 6)]


def member(number: int, **changes: object) -> Member:
    made = Member(f"cp-{number}", number, "voter", started=True, health="healthy")
    return replace(made, **changes)  # type: ignore[arg-type]  # plain words


def cluster(*members: Member, desired: int = 3) -> Membership:
    return Membership(members, frozenset(NAMES[:desired]))


def kinds(steps: tuple[ReplacementStep, ...]) -> list[str]:
    return [type(one.step).__name__ for one in steps]


DEAD = member(3, health="unhealthy")
UNSTARTED = Member("https://192.0.2.3:2380", 9, "learner", started=False, health="unhealthy")
LEARNER = member(3, id=9, role="learner")
WHOLE = ["Removal", "Addition", "Start", "Promotion"]


@pytest.mark.parametrize(
    ("membership", "steps"),
    [
        (cluster(member(1), member(2), member(3)), []),
        (cluster(member(1), member(2), DEAD), WHOLE),
        (cluster(member(1), member(2)), WHOLE[1:]),  # joins again, as after a recovery with fewer hosts
        (cluster(member(1), member(2), UNSTARTED), WHOLE),  # broken off before it started
        (cluster(member(1), member(2), LEARNER), ["Promotion"]),  # broken off while it caught up
        (cluster(member(1), member(2), replace(LEARNER, health="unhealthy")), WHOLE),
        (cluster(member(1), member(2), DEAD, LEARNER), ["Promotion", "Removal"]),  # the old twin goes last
        (cluster(member(1), member(2), member(3), replace(DEAD, id=9)), ["Removal"]),
        (cluster(member(1), member(2), member(3), UNSTARTED), ["Removal"]),
        (cluster(member(1), member(2), DEAD, UNSTARTED), ["Removal", *WHOLE]),
    ],
)
def test_plans_what_is_left_to_do(membership: Membership, steps: list[str]) -> None:
    assert kinds(plan_replacement("cp-3", membership)) == steps


def test_tells_each_step_with_what_it_does_to_quorum() -> None:
    told = [str(step) for step in plan_replacement("cp-3", cluster(member(1), member(2), DEAD))]
    assert told == [
        "remove the unhealthy voter cp-3 (now 2 of 3; after this step 2 of 2; tolerates 0)",
        "add cp-3 as a learner (now 2 of 2; after this step 2 of 2; tolerates 0)",
        "start cp-3 without data, and wait until it has caught up",
        "give cp-3 its vote (now 2 of 2; after this step 3 of 3; tolerates 1)",
    ]


@pytest.mark.parametrize(
    ("membership", "reason"),
    [
        (cluster(member(1), member(2, health="unhealthy"), DEAD), "only 1 of 3 voters"),
        (cluster(member(1), member(2), member(3, health="unknown")), "could not be seen, which does not mean"),
        (cluster(member(1), member(2, health="unknown"), DEAD), "1 could not be seen"),
        (cluster(DEAD, desired=3), "only 0 of 1 voters"),
    ],
)
def test_refuses_with_the_reason(membership: Membership, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        plan_replacement("cp-3", membership)


def test_refuses_a_host_that_is_no_etcd_host() -> None:
    with pytest.raises(RefusedError, match="no etcd host `w-1`"):
        plan_replacement("w-1", cluster(member(1)))


def test_a_second_one_waits_for_the_first() -> None:
    five = cluster(member(1), member(2), member(3), member(4, health="unhealthy"), desired=5)
    with pytest.raises(RefusedError, match="cp-5 is being replaced"):
        plan_replacement("cp-4", five)


members = st.builds(
    Member,
    name=st.sampled_from([*NAMES, "https://192.0.2.99:2380"]),
    id=st.integers(1, 1_000_000),
    role=st.sampled_from(["voter", "learner"]),
    started=st.booleans(),
    health=st.sampled_from(["healthy", "unhealthy", "unknown"]),
)
memberships = st.builds(
    Membership,
    st.lists(members, max_size=6, unique_by=lambda one: one.id).map(tuple),
    st.integers(1, 5).map(lambda size: frozenset(NAMES[:size])),
)


def apply(membership: Membership, planned: ReplacementStep) -> Membership:
    match planned.step:
        case Start():
            started = [
                replace(one, started=True, health="healthy") if one.id == 0 else one for one in membership.members
            ]
            return replace(membership, members=tuple(started))
        case Removal() | Addition() | Promotion() as step:
            return after(membership, step)


@given(memberships, st.sampled_from(NAMES))
def test_a_plan_never_loses_quorum_and_nothing_is_left_to_do_after_it(membership: Membership, name: str) -> None:
    try:
        steps = plan_replacement(name, membership)
    except RefusedError:
        return
    for planned in steps:
        if isinstance(planned.step, Removal):
            assert planned.step.member.health != "unknown" or not planned.step.member.started
            assert not planned.step.member.is_serving or planned.step.member.role == "learner"
        then = apply(membership, planned)
        assert then.has_quorum or not membership.has_quorum
        assert sum(one.role == "learner" for one in then.members) <= max(
            1, sum(one.role == "learner" for one in membership.members)
        )
        membership = then

    assert plan_replacement(name, membership) == ()
    assert any(one.is_serving for one in membership.voters if one.name == name)
    assert not membership.unfinished
