"""What joins and what leaves, and the steps of each kind of change, whole and resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from unit.rollout.change_world import ChangeWorld
from unit.rollout.test_change_properties import roll
from unit.rollout.test_rollout_plan import cluster
from windlass.domain.rollout import HostState, plan_rollout
from windlass.domain.rollout.transition import (
    PlaneChanges,
    Presence,
    Transition,
    merged_hosts,
    plane_changes,
    planes_of,
)
from windlass.domain.spec.members import without_hosts
from windlass.errors import RefusedError

CORE = ["etcd", "control-plane"]
ALL = ["etcd", "control-plane", "worker"]
ONE = {"h-1": ALL}
THREE = {"h-1": ALL, "h-2": CORE, "h-3": CORE}
OVERLAPPING = {"h-1": CORE, "h-2": CORE, "h-3": CORE}
SEPARATE = {
    "h-1": ["etcd"],
    "h-2": ["etcd"],
    "h-3": ["etcd"],
    "h-4": ["control-plane"],
    "h-5": ["control-plane"],
    "h-6": ["worker"],
}
Roles = Mapping[str, list[str]]


def labels(before: Roles, after: Roles, **more: Any) -> list[str]:
    return [step.label for step in ChangeWorld.made(before, after, **more).plan()]


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        pytest.param(ONE, ONE, [], id="nothing"),
        pytest.param(
            ONE,
            {**ONE, "h-2": ["worker"], "h-3": ["worker"]},
            ["prepare h-2, h-3", "host h-2, h-3"],
            id="workers join",
        ),
        pytest.param(
            ONE,
            THREE,
            [
                "prepare h-2, h-3",
                *("join etcd h-2", "join etcd h-3"),
                "proxies to what joins",
                *("API server h-2, h-3", "API server h-1"),
                "host h-2, h-3",
            ],
            id="one to three",
        ),
        pytest.param(
            THREE,
            ONE,
            [
                "proxies to what joins",
                "API server h-1",
                "proxies to what stays",
                *("leave h-2", "leave h-3"),
            ],
            id="three to one",
        ),
        pytest.param(
            OVERLAPPING,
            SEPARATE,
            [
                "prepare h-4, h-5, h-6",
                "proxies to what joins",
                "API server h-4, h-5",
                "host h-4, h-5, h-6",
                "proxies to what stays",
                *("leave h-1", "leave h-2", "leave h-3"),
            ],
            id="overlapping to separate",
        ),
        pytest.param(
            SEPARATE,
            OVERLAPPING,
            [
                "prepare h-1, h-2, h-3",
                "proxies to what joins",
                "API server h-1, h-2, h-3",
                "host h-1, h-2, h-3",
                "proxies to what stays",
                *("leave h-6", "leave h-4", "leave h-5"),
            ],
            id="separate to overlapping",
        ),
        pytest.param(
            {**ONE, "h-2": ["worker"], "h-3": ["worker"]}, ONE, ["leave h-2", "leave h-3"], id="workers leave"
        ),
        pytest.param({"h-1": ALL, "h-2": ["worker"]}, {"h-1": CORE, "h-2": ["worker"]}, [], id="a label of a role"),
        pytest.param(
            {"h-1": ["etcd"], "h-2": ["control-plane"]},
            {"h-3": ["etcd"], "h-4": ["control-plane"]},
            [
                "prepare h-3, h-4",
                "join etcd h-3",
                "proxies to what joins",
                "API server h-4",
                "host h-3, h-4",
                "proxies to what stays",
                *("leave h-2", "leave h-1"),
            ],
            id="all hosts are others",
        ),
    ],
)
def test_each_kind_of_change_has_its_steps(before: Roles, after: Roles, steps: list[str]) -> None:
    assert labels(before, after) == steps


def roll_without_judging(world: ChangeWorld) -> str:
    """Do the steps of a plan; why one of them was refused."""
    try:
        for step in world.plan():
            for _ in world.acts(step):
                pass
    except RefusedError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("before", "after"), [(ONE, THREE), (THREE, ONE), (OVERLAPPING, SEPARATE), (SEPARATE, OVERLAPPING)]
)
def test_a_change_that_is_killed_after_any_act_is_carried_on_where_it_was(before: Roles, after: Roles) -> None:
    whole = roll(ChangeWorld.made(before, after))
    for kill in range(1, whole.acts + 1):
        world = ChangeWorld.made(before, after)
        assert roll(world, kill).is_killed
        again = roll(world)
        assert not again.refused
        assert again.acts <= whole.acts - kill + 14  # what is looked at once more, such as lists of proxies
        assert (world.plan(), world.is_as_desired()) == ((), True)


def test_where_etcd_had_one_member_api_servers_learn_of_the_others_before_it_stops() -> None:
    steps = labels(ONE, THREE, stale={("h-1", "etcd")})
    assert steps.index("API server h-1") < steps.index("etcd h-1")
    shrinks = labels(THREE, ONE, stale={("h-1", "etcd")})
    assert shrinks.index("etcd h-1") < shrinks.index("API server h-1")


def test_a_host_that_is_gone_for_good_is_forgotten_before_any_member_joins() -> None:
    before = {**OVERLAPPING, "h-6": ["worker"]}
    after = {"h-1": CORE, "h-2": CORE, "h-4": CORE, "h-6": ["worker"]}
    steps = ChangeWorld.made(before, after, gone={"h-3"}).plan()
    kinds = [step.kind for step in steps]
    assert kinds.index("forget") < kinds.index("etcd-join")
    assert "leave" not in kinds
    (forgotten,) = [step.does for step in steps if step.kind == "forget"]
    assert forgotten == ("h-3: remove its member from etcd", "h-3: delete its node")


def test_gone_hosts_without_which_there_is_no_quorum_are_refused() -> None:
    world = ChangeWorld.made(OVERLAPPING, {"h-1": CORE}, gone={"h-2", "h-3"})
    run = roll_without_judging(world)
    assert "only 1 of 3 voters are known to be healthy" in run
    assert world.members.keys() == OVERLAPPING.keys()


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ({"h-1": CORE}, {"h-2": CORE}, "no etcd and no control-plane host"),
        ({"h-1": ["etcd"], "h-2": ["control-plane"]}, {"h-1": ["etcd"], "h-3": ["control-plane"]}, "no control-plane"),
        ({"h-1": ["etcd"], "h-2": ["control-plane"]}, {"h-3": ["etcd"], "h-2": ["control-plane"]}, "no etcd host"),
    ],
)
def test_the_last_of_a_role_does_not_leave_while_none_of_the_spec_answers(
    before: Roles, after: Roles, lost: str
) -> None:
    world = ChangeWorld.made(before, after)
    world.lose(after.keys() - before.keys())
    with pytest.raises(RefusedError, match=lost):
        world.gate(world.plan())
    assert "proxies to what stays" not in [step.label for step in world.plan()] or "control-plane" not in lost


@pytest.mark.parametrize("kill", [5, 6])  # h-2 was added, and may have started
def test_a_learner_that_nobody_will_promote_goes_before_any_other_member_changes(kill: int) -> None:
    world = ChangeWorld.made({"h-1": CORE}, {"h-1": CORE, "h-2": ["etcd"], "h-3": ["etcd"]})
    assert roll(world, kill).is_killed
    assert world.members["h-2"].role == "learner"
    world.turn_to({"h-1": CORE, "h-3": ["etcd"], "h-4": ["etcd"]})
    steps = world.plan()
    assert [step.label for step in steps if step.kind in {"forget", "etcd-join"}] == [
        "forget h-2",
        "join etcd h-3",
        "join etcd h-4",
    ]
    world.turn_to({"h-1": CORE, "h-2": ["etcd"], "h-3": ["etcd"]})
    world.lose({"h-2"})
    assert [step.label for step in world.plan() if step.kind in {"forget", "etcd-join"}] == [
        "forget h-2",
        "join etcd h-3",
    ]


def test_one_that_was_begun_is_promoted_before_a_dead_member_is_forgotten() -> None:
    changes = PlaneChanges(
        etcd_joins=("h-4", "h-5"), unfinished=frozenset({"h-5"}), forget={"h-3": ("h-3: remove its member from etcd",)}
    )
    states = {name: HostState() for name in ("h-4", "h-5")}
    steps = plan_rollout(cluster({"h-4": CORE, "h-5": CORE}), states, leader=None, add_ons=(), changes=changes)
    assert [step.label for step in steps] == ["join etcd h-5", "forget h-3", "join etcd h-4"]


def test_hosts_that_do_not_answer_neither_join_nor_leave() -> None:
    world = ChangeWorld.made({**ONE, "h-2": ["worker"]}, {**ONE, "h-3": ["worker"], "h-4": ["worker"]})
    world.lose({"h-2", "h-4"})
    assert [step.label for step in world.plan()] == ["prepare h-3", "host h-3"]
    world.bring_back()
    assert [step.label for step in world.plan()] == [
        *("prepare h-3, h-4", "host h-3, h-4"),
        "leave h-2",
    ]


def test_where_etcd_or_the_api_is_silent_nobody_counts_as_missing_there() -> None:
    transition = Transition(cluster(THREE), tuple(cluster(ONE).spec.hosts.members))
    names = frozenset(THREE)
    silent = Presence(prepared=names, api_servers=names, is_etcd_known=False, is_api_known=False)
    assert plane_changes(transition, silent).is_empty


def test_what_is_connected_to_meanwhile_is_all_that_has_not_left() -> None:
    before, after = cluster({"h-1": ALL, "h-2": CORE}), cluster({"h-1": ["etcd"], "h-3": ["control-plane"]})
    during = Transition(after, tuple(before.spec.hosts.members)).during
    assert {host.name: set(host.roles) for host in during.spec.hosts.members} == {
        "h-1": set(ALL),
        "h-2": set(CORE),
        "h-3": {"control-plane"},
    }


def test_hosts_lose_and_gain_planes() -> None:
    before, after = cluster({"h-1": ALL, "h-2": ["worker"]}), cluster({"h-1": ["etcd"], "h-2": ["control-plane"]})
    transition = Transition(after, tuple(before.spec.hosts.members))
    assert transition.lost("h-1") == {"control-plane", "node"}
    assert transition.gained("h-2") == {"control-plane"}
    assert [host.name for host in transition.shrinking] == ["h-1"]
    assert transition.leaving == ()
    assert not transition.is_still
    assert Transition(after, tuple(after.spec.hosts.members)).is_still
    assert planes_of(None) == frozenset()


def test_of_hosts_that_several_know_the_first_says_how_they_are_and_all_what_they_do() -> None:
    known = cluster({"h-1": ["etcd"]}).spec.hosts.members[0].model_copy(update={"address": "192.0.2.99"})
    (merged,) = merged_hosts(cluster({"h-1": ["worker"]}).spec.hosts.members, [known])
    assert (merged.address, merged.roles) == ("192.0.2.11", ("worker", "etcd"))
    assert without_hosts(cluster(ONE), {"h-1"}).spec.hosts.members == ()
