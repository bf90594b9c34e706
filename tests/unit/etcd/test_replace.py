"""Replacement against an etcd cluster in memory: what is done, and that it goes on wherever it broke off."""

from __future__ import annotations

import pytest

from unit.etcd.world import NAMES, Process, World, url
from windlass.domain.etcd.status import ListedMember
from windlass.errors import NotReadyError, RefusedError, UnreachableError
from windlass.operations.etcd import plan_member, replace_member

WHOLE = ["remove cp-2", f"add {url('cp-2')}", "join cp-2", "promote 100"]


@pytest.fixture
def world() -> World:
    return World.healthy()


@pytest.fixture
def told() -> list[str]:
    return []


def is_whole(world: World) -> bool:
    voters = {one.name for one in world.members.values() if not one.is_learner}
    return voters == set(NAMES) and len(world.members) == len(NAMES) and all(one.runs for one in world.hosts.values())


def test_a_healthy_member_is_left_alone(world: World, told: list[str]) -> None:
    assert replace_member(world.work(told), "cp-2") == ()
    assert world.did == []


def test_a_member_without_data_is_replaced(world: World, told: list[str]) -> None:
    world.hosts["cp-2"] = Process(runs=False, member_id=2, data="none")
    world.lag = 3

    work = world.work(told)
    assert len(plan_member(work, "cp-2")) == 4
    done = replace_member(work, "cp-2")

    assert world.did == WHOLE
    assert is_whole(world)
    assert [text for text in told if "tolerates 0" in text]
    assert len(done) == 4
    assert replace_member(work, "cp-2") == ()


def test_that_the_others_are_still_electing_a_leader_is_waited_for(world: World, told: list[str]) -> None:
    world.hosts["cp-2"] = Process(runs=False, member_id=2, data="none")
    world.electing = 6

    assert len(plan_member(world.work(told), "cp-2")) == 4


def test_others_that_get_no_leader_are_no_quorum(world: World, told: list[str]) -> None:
    world.hosts["cp-2"] = Process(runs=False, member_id=2, data="none")
    world.electing = 10**9
    work = world.work(told)

    with pytest.raises(RefusedError, match="only 0 of 3 voters are known to be healthy"):
        plan_member(work, "cp-2")

    assert work.session.clock.monotonic() == 10


def test_members_that_do_not_run_are_not_waited_for(world: World, told: list[str]) -> None:
    for name in ("cp-1", "cp-2"):
        world.hosts[name] = Process(runs=False, member_id=int(name[-1]))
    work = world.work(told)

    with pytest.raises(RefusedError):
        plan_member(work, "cp-2")

    assert work.session.clock.monotonic() == 0


def test_a_learner_that_never_catches_up_gets_no_vote_and_the_error_says_how_to_go_on(
    world: World, told: list[str]
) -> None:
    world.hosts["cp-2"] = Process(runs=False, member_id=2, data="none")
    world.lag = 10**9

    with pytest.raises(NotReadyError, match=r"cp-2 catches up: not done after 600 s: .*in sync.*disk of cp-2") as late:
        replace_member(world.work(told), "cp-2")

    assert "without a vote, and the quorum is as it was" in str(late.value)
    assert world.did == WHOLE[:-1]
    assert {one.name for one in world.members.values() if not one.is_learner} == {"cp-1", "cp-3"}
    world.lag = 0
    replace_member(world.work(told), "cp-2")
    assert world.did == WHOLE
    assert is_whole(world)


def test_a_member_that_only_has_to_start_is_started(world: World, told: list[str]) -> None:
    world.hosts["cp-2"].runs = False

    assert replace_member(world.work(told), "cp-2") == ("started etcd on cp-2",)

    assert world.did == ["start cp-2"]
    assert is_whole(world)


def test_a_member_that_does_not_come_back_is_replaced(world: World, told: list[str]) -> None:
    world.hosts["cp-2"] = Process(runs=False, member_id=2, data="damaged")

    replace_member(world.work(told), "cp-2")

    assert world.did == ["start cp-2", *WHOLE]
    assert is_whole(world)


def test_starting_is_tried_without_quorum_and_can_bring_it_back(world: World, told: list[str]) -> None:
    world.hosts["cp-2"].runs = world.hosts["cp-3"].runs = False

    replace_member(world.work(told), "cp-2")

    assert world.did == ["start cp-2"]
    assert world.has_quorum


def test_nothing_is_removed_without_quorum(world: World, told: list[str]) -> None:
    world.hosts["cp-2"] = Process(runs=False, member_id=2, data="none")
    world.hosts["cp-3"].runs = False

    with pytest.raises(RefusedError, match=r"only 0 of 3 voters.*disaster_recovery"):
        replace_member(world.work(told), "cp-2")
    assert world.did == []


def test_without_any_member_nobody_can_tell_who_they_are(world: World, told: list[str]) -> None:
    for name in NAMES:
        world.hosts[name] = Process(runs=False, member_id=None, data="none")
    with pytest.raises(NotReadyError, match="no member answers"):
        replace_member(world.work(told), "cp-2")


def test_a_member_on_a_host_that_does_not_answer_is_not_removed(world: World, told: list[str]) -> None:
    work = world.work(told)
    world.hosts["cp-2"].runs = False
    connector = work.session.connections._connector
    connector.hosts["cp-2"].is_reachable = False  # type: ignore[union-attr]  # a FakeHosts

    with pytest.raises(UnreachableError, match="cp-2"):
        replace_member(work, "cp-2")
    assert world.did == []


def test_a_host_that_does_not_reach_the_others_is_not_given_up_for_nothing(world: World, told: list[str]) -> None:
    world.hosts["cp-2"] = Process(runs=False, member_id=2, data="none")
    work = world.work(told)
    host = work.session.connections._connector.hosts["cp-2"]  # type: ignore[union-attr]  # a FakeHosts
    host.on_script("check-members-reached", answer="changed: cp-1\n")

    with pytest.raises(RefusedError, match="it cannot reach etcd on cp-1, and could not join"):
        replace_member(work, "cp-2")
    assert world.did == []


def test_what_never_started_goes_first(world: World, told: list[str]) -> None:
    world.hosts["cp-2"] = Process(runs=False, member_id=2, data="none")
    world.members[50] = ListedMember(50, "", ("https://192.0.2.77:2380",), is_learner=True)

    replace_member(world.work(told), "cp-2")

    assert world.did == ["remove https://192.0.2.77:2380", *WHOLE]
    assert is_whole(world)


@pytest.mark.parametrize("step", range(1, 6))
@pytest.mark.parametrize("data", ["none", "damaged"])
def test_a_replacement_that_broke_off_anywhere_goes_on(world: World, told: list[str], step: int, data: str) -> None:
    world.hosts["cp-2"] = Process(runs=False, member_id=2, data=data)
    world.breaks_after = step
    work = world.work(told)
    try:
        replace_member(work, "cp-2")
    except UnreachableError:
        replace_member(work, "cp-2")

    assert is_whole(world)
    assert replace_member(work, "cp-2") == ()
