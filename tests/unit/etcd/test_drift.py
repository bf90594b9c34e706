"""When etcd is as it should be, and that a replacement comes to exactly that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.etcd.test_replacement import apply, cluster, member, memberships
from windlass.domain.etcd.drift import etcd_drift
from windlass.domain.etcd.quorum import Member, Membership
from windlass.domain.etcd.replacement import plan_replacement
from windlass.domain.etcd.status import Alarm
from windlass.errors import RefusedError

AS_IT_SHOULD = cluster(member(1), member(2), member(3))
UNSTARTED = Member("https://192.0.2.3:2380", 9, "learner", started=False, health="unhealthy")


def told(membership: Membership, *alarms: Alarm) -> list[str]:
    return [str(one) for one in etcd_drift(membership, alarms)]


def test_the_hosts_of_the_spec_as_healthy_voters_without_an_alarm_are_as_they_should_be() -> None:
    assert etcd_drift(AS_IT_SHOULD) == ()


@pytest.mark.parametrize(
    ("membership", "expected"),
    [
        (cluster(member(1), member(2), member(3, health="unhealthy")), ["cp-3 is unhealthy"]),
        (cluster(member(1), member(2), member(3, health="unknown")), ["cp-3 could not be asked"]),
        (cluster(member(1), member(2), member(3, role="learner")), ["cp-3 is still a learner"]),
        (cluster(member(1), member(2)), ["cp-3 is no member"]),
        (cluster(member(1), member(2), member(3), member(4)), ["cp-4 is a member and no etcd host of the spec"]),
        (cluster(member(1), member(2), member(3), member(3, id=9)), ["cp-3 is 2 members"]),
        (
            cluster(member(1), member(2), UNSTARTED),
            ["https://192.0.2.3:2380 was added and never started", "cp-3 is no member"],
        ),
    ],
)
def test_whatever_else_there_is_is_drift(membership: Membership, expected: list[str]) -> None:
    assert told(membership) == expected


def test_an_alarm_is_drift() -> None:
    assert told(AS_IT_SHOULD, Alarm(1, "NOSPACE")) == ["alarm NOSPACE of member 1"]


@given(memberships)
def test_where_etcd_is_as_it_should_be_no_replacement_has_anything_to_do(membership: Membership) -> None:
    if not etcd_drift(membership):
        assert all(plan_replacement(name, membership) == () for name in membership.desired)
        assert all(one.is_serving for one in membership.voters)
        assert {one.name for one in membership.voters} == membership.desired


@given(st.sampled_from([3, 5]), st.data())
def test_replacing_one_after_another_comes_to_the_fixed_point_and_stays(size: int, data: st.DataObject) -> None:
    healthy = cluster(*(member(number) for number in range(1, size + 1)), desired=size)
    lost = data.draw(st.sets(st.integers(1, size), max_size=(size - 1) // 2))
    states = st.sampled_from(["unhealthy", "learner", "absent"])
    drawn = {number: data.draw(states) for number in lost}
    # Etcd takes one change at a time: there is never more than one learner, and one host without a member.
    for number, state in drawn.items():
        is_first = number == min(lost)
        changes = {"role": "learner"} if is_first and state == "learner" else {"health": "unhealthy"}
        kept = tuple(replace(one, **changes) if one.id == number else one for one in healthy.members)  # type: ignore[arg-type]  # plain words
        gone = tuple(one for one in healthy.members if one.id != number)
        healthy = replace(healthy, members=gone if is_first and state == "absent" else kept)

    membership, left = healthy, True
    while left:
        left = False
        for name in sorted(membership.desired):
            try:
                steps = plan_replacement(name, membership)
            except RefusedError:
                continue
            for planned in steps:
                membership, left = apply(membership, planned), True
            members = [replace(one, id=100 + index) for index, one in enumerate(membership.members)]
            membership = replace(membership, members=tuple(members))  # etcd gives each one an id of its own

    assert etcd_drift(membership) == ()
    assert all(plan_replacement(name, membership) == () for name in membership.desired)
