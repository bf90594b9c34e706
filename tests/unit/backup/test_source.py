from __future__ import annotations

from dataclasses import replace

import pytest

from windlass.domain.backup import snapshot_source
from windlass.domain.etcd.status import MemberStatus
from windlass.errors import NotReadyError


def status(member: int, applied: int = 100, leader: int = 1) -> MemberStatus:
    return MemberStatus(member, 9, leader, 50, "3.7.3", 2, applied, applied, 1000, 900, 0, is_learner=False, errors=())


def test_a_follower_that_is_as_fresh_is_taken() -> None:
    assert snapshot_source({"a": status(1), "b": status(2, 99), "c": status(3, 101)}, {}) == "c"


def test_the_leader_is_taken_where_followers_lag_learn_or_are_corrupt() -> None:
    learner = replace(status(3), is_learner=True)
    corrupt = replace(status(4), errors=("etcdserver: CORRUPT alarm",))
    assert snapshot_source({"a": status(1), "b": status(2, 99), "c": learner, "d": corrupt}, {}) == "a"


def test_a_member_without_space_can_still_give_a_snapshot() -> None:
    full = ("memberID:2 alarm:NOSPACE",)
    assert snapshot_source({"a": status(1), "b": replace(status(2), errors=full)}, {}) == "b"


def test_without_a_leader_there_is_no_snapshot() -> None:
    with pytest.raises(NotReadyError, match="b: knows no leader; c: no route"):
        snapshot_source({"b": status(2, leader=0)}, {"c": "no route"})


def test_one_that_complains_of_what_nobody_can_read_gives_no_snapshot() -> None:
    unread = replace(status(2), errors=("a complaint that nobody here can read",))
    assert snapshot_source({"a": status(1), "b": unread}, {}) == "a"
