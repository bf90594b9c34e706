"""How a member is: one judgement, as a table; and that no order of events makes it let a step break quorum."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from windlass.domain.etcd.change import check_change
from windlass.domain.etcd.membership import EtcdObservation, assess
from windlass.domain.etcd.quorum import Member, Membership
from windlass.domain.etcd.status import (
    Alarm,
    ListedMember,
    MemberHealth,
    MemberStatus,
    ObservedMember,
    Process,
    member_health,
    status_health,
)
from windlass.errors import NotReadyError, RefusedError

SERVES = MemberStatus(3, 77, 1, 42, "3.7.3", 2, 10, 10, 100, 100, 200, is_learner=False, errors=())
PROCESSES: tuple[Process, ...] = ("running", "stopped", "absent", "unknown")


def says(*errors: str, **changes: int | bool) -> MemberStatus:
    return replace(SERVES, errors=errors, **changes)  # type: ignore[arg-type]  # plain words


@pytest.mark.parametrize(
    ("status", "health"),
    [
        (SERVES, "healthy"),
        (says(leader_id=3), "healthy"),
        (says(is_learner=True), "healthy"),
        (says(leader_id=0), "unhealthy"),
        (says("etcdserver: no leader", leader_id=0), "unhealthy"),
        (says(member_id=9), "unhealthy"),
        (says(cluster_id=78), "unhealthy"),
        (says("memberID:3 alarm:CORRUPT "), "unhealthy"),
        (says("memberID:3  alarm:CORRUPT"), "unhealthy"),
        (says("memberID:1 alarm:CORRUPT "), "healthy"),
        (says("memberID:3 alarm:NOSPACE ", "memberID:1 alarm:NOSPACE "), "healthy"),
        (says("memberID:3 alarm:SOMETHING_NEW "), "healthy"),
        (says("a complaint that nobody here can read"), "unknown"),
        (says("a complaint that nobody here can read", leader_id=0), "unhealthy"),
    ],
)
@pytest.mark.parametrize("process", PROCESSES)
def test_one_that_answers_is_judged_by_its_answer(status: MemberStatus, health: MemberHealth, process: Process) -> None:
    assert member_health(ObservedMember(process, status), 3, 77) == health


@pytest.mark.parametrize("has_host", [True, False])
@pytest.mark.parametrize(
    ("process", "asked_from", "of_the_spec", "of_no_host"),
    [
        ("running", (), "unhealthy", "unhealthy"),  # it hangs
        ("stopped", (), "unhealthy", "unhealthy"),
        ("absent", (), "unhealthy", "unhealthy"),
        ("unknown", (), "unknown", "unknown"),  # it could not be asked
        ("unknown", ("cp-1", "cp-2"), "unknown", "unhealthy"),  # who could tell of one on no host if not members
    ],
)
def test_one_that_gives_no_answer_is_judged_by_whether_it_was_asked(
    process: Process,
    asked_from: tuple[str, ...],
    of_the_spec: MemberHealth,
    of_no_host: MemberHealth,
    *,
    has_host: bool,
) -> None:
    observed = ObservedMember(process, asked_from=frozenset(asked_from))
    assert member_health(observed, 3, 77, has_host=has_host) == (of_the_spec if has_host else of_no_host)


def test_what_is_not_known_of_a_member_is_not_held_against_it() -> None:
    assert status_health(says(member_id=9, cluster_id=78)) == "healthy"
    assert status_health(says(leader_id=0)) == "unhealthy"


def test_alarms_are_read_from_what_members_complain_of() -> None:
    status = says(
        "memberID:3  alarm:CORRUPT", "memberID:1 alarm:NOSPACE ", "memberID:2 alarm:NEW ", "etcdserver: no leader"
    )
    assert status.alarms == (Alarm(3, "CORRUPT"), Alarm(1, "NOSPACE"), Alarm(2, "unknown"))
    assert status.unread_errors == ()
    assert str(Alarm(171, "NOSPACE")) == "NOSPACE of member ab"


@dataclass
class Truth:
    """How a member really is, and whether its host answers."""

    runs: bool = True
    is_corrupt: bool = False
    answers: bool = True


NAMES = [f"cp-{number}" for number in range(1, 6)]


def address(number: int) -> str:
    return f"https://192.0.2.{number}:2380"


def observe(truths: dict[int, Truth]) -> EtcdObservation:
    """Return what is observed of a cluster: a host that does not answer gives nothing away."""
    listed = tuple(ListedMember(number, f"cp-{number}", (address(number),)) for number in truths)
    is_led = sum(truth.runs for truth in truths.values()) > len(truths) // 2
    errors = tuple(f"memberID:{number} alarm:CORRUPT " for number, truth in truths.items() if truth.is_corrupt)

    def one(number: int, truth: Truth) -> ObservedMember:
        if not truth.answers:
            return ObservedMember("unknown")
        status = says(*errors, member_id=number, leader_id=int(is_led))
        return ObservedMember("running", status, listed) if truth.runs else ObservedMember("stopped")

    return EtcdObservation(
        {f"cp-{number}": address(number) for number in truths},
        {address(number): one(number, truth) for number, truth in truths.items()},
    )


truths = st.dictionaries(
    st.integers(1, 5), st.builds(Truth, st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=5
)


@given(truths)
def test_unknown_is_never_counted_as_healthy_nor_taken_for_dead(found: dict[int, Truth]) -> None:
    try:
        membership = assess(observe(found))
    except NotReadyError:
        assert not any(truth.runs and truth.answers for truth in found.values())
        return
    for member in membership.members:
        truth = found[member.id]
        assert (member.health == "unknown") == (not truth.answers)
        assert member.health != "healthy" or (truth.runs and not truth.is_corrupt)
    known = [truth for truth in found.values() if truth.answers and truth.runs and not truth.is_corrupt]
    assert membership.serving <= len(known)


class Rollout(RuleBasedStateMachine):
    """Members that die, hang, come back or fall silent in any order, and a rollout that stops one after another."""

    @initialize(size=st.sampled_from([3, 4, 5]))
    def begin(self, size: int) -> None:
        self.truths = {number: Truth() for number in range(1, size + 1)}

    @rule(which=st.integers(0, 4), runs=st.booleans())
    def dies_or_comes_back(self, which: int, runs: bool) -> None:  # noqa: FBT001  a rule's draw
        self.pick(which)[1].runs = runs

    @rule(which=st.integers(0, 4), answers=st.booleans())
    def falls_silent_or_answers(self, which: int, answers: bool) -> None:  # noqa: FBT001  a rule's draw
        self.pick(which)[1].answers = answers

    @rule(which=st.integers(0, 4), is_corrupt=st.booleans())
    def is_found_corrupt_or_replaced(self, which: int, is_corrupt: bool) -> None:  # noqa: FBT001  a rule's draw
        self.pick(which)[1].is_corrupt = is_corrupt

    @rule(which=st.integers(0, 4))
    def a_step_stops_one_if_it_may(self, which: int) -> None:
        number, truth = self.pick(which)
        if number in self.allowed():
            truth.runs = False

    @invariant()
    def no_step_that_is_allowed_breaks_quorum(self) -> None:
        for number in self.allowed():
            truth, had_quorum = self.truths[number], self.has_quorum()
            others = [one for key, one in self.truths.items() if key != number]
            if truth.runs or not truth.answers:
                assert all(one.answers for one in others), "it was taken down while another one is unknown"
            kept, truth.runs = truth.runs, False
            assert self.has_quorum() or not had_quorum
            truth.runs = kept

    def pick(self, which: int) -> tuple[int, Truth]:
        found = sorted(self.truths.items())
        return found[which % len(found)]

    def has_quorum(self) -> bool:
        return sum(truth.runs and not truth.is_corrupt for truth in self.truths.values()) > len(self.truths) // 2

    def allowed(self) -> list[int]:
        """Return the members that the rules let stop, as they are observed now."""
        try:
            observation = observe(self.truths)
            membership = assess(observation)
        except NotReadyError:
            return []
        return [member.id for member in membership.members if may_be_changed(member, membership, observation)]


def may_be_changed(member: Member, membership: Membership, observation: EtcdObservation) -> bool:
    try:
        check_change(member, membership, observation)
    except (NotReadyError, RefusedError):
        return False
    return True


Rollout.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestRollout = Rollout.TestCase


@pytest.mark.parametrize(
    ("truth", "reason"),
    [
        (Truth(answers=False), "cp-2 is unknown"),
        (Truth(runs=False), "cp-2 is unhealthy"),
        (Truth(is_corrupt=True), "cp-2 is unhealthy"),
    ],
)
def test_a_rollout_leaves_all_members_alone_while_one_is_not_known_to_be_healthy(truth: Truth, reason: str) -> None:
    observation = observe({1: Truth(), 2: truth, 3: Truth(), 4: Truth(), 5: Truth()})
    membership = assess(observation)
    with pytest.raises(RefusedError, match=f"stopping cp-3 is refused: {reason}"):
        check_change(membership.members[2], membership, observation)


@pytest.mark.parametrize(
    ("truth", "others", "error", "reason"),
    [
        (Truth(is_corrupt=True), Truth(), RefusedError, r"unhealthy \(memberID:1 alarm:CORRUPT \).*replace_member"),
        (Truth(), Truth(runs=False), NotReadyError, "knows no leader; bring the others back"),
        (Truth(answers=False), Truth(runs=False), NotReadyError, "no member answers"),
    ],
)
def test_one_that_answers_is_not_taken_for_dead(
    truth: Truth, others: Truth, error: type[Exception], reason: str
) -> None:
    observation = observe({1: truth, 2: others, 3: others})
    with pytest.raises(error, match=reason):
        check_change(assess(observation).members[0], assess(observation), observation)


def test_a_dead_member_may_be_changed() -> None:
    observation = observe({1: Truth(runs=False), 2: Truth(), 3: Truth()})
    assert may_be_changed(assess(observation).members[0], assess(observation), observation)
