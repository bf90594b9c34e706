"""Whatever a cluster is changed to, and wherever its rollouts are killed, it serves all the way and gets there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from unit.rollout.change_world import ChangeWorld, HarmError
from windlass.errors import RefusedError

HOSTS = [f"h-{number}" for number in range(1, 8)]
ROLE_SETS = (
    [],
    ["etcd"],
    ["control-plane"],
    ["worker"],
    ["etcd", "control-plane"],
    ["etcd", "control-plane", "worker"],
    ["control-plane", "worker"],
)
MOST_RUNS = 40


@dataclass
class Run:
    """How one run of a rollout ended."""

    is_killed: bool = False
    refused: str = ""
    acts: int = 0
    steps: int = 0


def roll(world: ChangeWorld, kill_after: int | None = None) -> Run:
    """Plan and do all steps; the run may be killed after so many acts."""
    run = Run()
    try:
        steps = world.plan()
        world.gate(steps)
        run.steps = len(steps)
        for step in steps:
            for _ in world.acts(step):
                world.check()
                run.acts += 1
                if run.acts == kill_after:
                    run.is_killed = True
                    return run
    except RefusedError as error:
        run.refused = str(error)
    world.check()
    return run


@st.composite
def topologies(draw: st.DrawFn, without: Collection[str] = ()) -> dict[str, list[str]]:
    names = [name for name in HOSTS if name not in without][: draw(st.integers(1, 7))]
    drawn = {name: list(draw(st.sampled_from(ROLE_SETS))) for name in names}
    found = {name: roles for name, roles in drawn.items() if roles}
    for role in ("etcd", "control-plane"):
        if not any(role in roles for roles in found.values()):
            name = draw(st.sampled_from(names))
            found[name] = [role, *found.get(name, [])]
    return {name: found[name] for name in HOSTS if name in found}


@dataclass(frozen=True)
class Change:
    """What a cluster is before and after, and what else a changed flag concerns."""

    before: dict[str, list[str]]
    after: dict[str, list[str]]
    stale: set[tuple[str, str]]

    def world(self, *, gone: Collection[str] = ()) -> ChangeWorld:
        return ChangeWorld.made(self.before, self.after, gone=gone, stale=self.stale)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    return drawn_change(draw, draw(topologies()), draw(topologies()))


def drawn_change(draw: st.DrawFn, before: dict[str, list[str]], after: dict[str, list[str]]) -> Change:
    parts = [(name, part) for name in before for part in ("etcd", "api", "rest") if name in after]
    stale = draw(st.sets(st.sampled_from(parts))) if parts and draw(st.booleans()) else set()
    roles = {"etcd": "etcd", "api": "control-plane"}
    return Change(before, after, {(name, part) for name, part in stale if roles.get(part, "") in ["", *before[name]]})


@st.composite
def losses(draw: st.DrawFn) -> tuple[Change, set[str]]:
    """A change, and hosts that leave with it because they are gone: what is left of the cluster still serves."""
    before = draw(topologies(without=HOSTS[-1:])) | {HOSTS[-1]: ["worker"]}
    gone: set[str] = set()
    for name in draw(st.lists(st.sampled_from(sorted(before)), min_size=1, max_size=3, unique=True)):
        gone |= {name if can_lose(before, gone | {name}) else HOSTS[-1]}
    return drawn_change(draw, before, draw(topologies(without=gone))), gone


def can_lose(topology: dict[str, list[str]], gone: set[str]) -> bool:
    members = {name for name, roles in topology.items() if "etcd" in roles}
    servers = {name for name, roles in topology.items() if "control-plane" in roles}
    return len(members - gone) > len(members) / 2 and bool(servers - gone)


KILLS = st.lists(st.integers(1, 25), max_size=4)
PATIENT = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


def serves(world: ChangeWorld) -> bool:
    """Whether the world is one in which a rollout has something to lose."""
    try:
        world.check()
    except HarmError:
        return False
    return True


@PATIENT
@given(changes(), KILLS)
def test_a_cluster_gets_from_any_topology_to_any_other_and_serves_all_the_way(change: Change, kills: list[int]) -> None:
    world = change.world()
    for kill in kills:
        run = roll(world, kill)
        assert not run.refused
    run = roll(world)
    assert not run.refused
    assert run.steps <= 6 * (len(world.machines) + 1)
    assert world.plan() == ()
    assert world.is_as_desired()


@PATIENT
@given(losses(), KILLS)
def test_hosts_that_are_gone_for_good_are_forgotten_while_the_others_hold_quorum(
    loss: tuple[Change, set[str]], kills: list[int]
) -> None:
    change, gone = loss
    world = change.world(gone=gone)
    world.check()
    for kill in kills:
        assert not roll(world, kill).refused
    assert not roll(world).refused
    assert world.plan() == ()
    assert world.is_as_desired()
    assert not world.gone & (world.nodes | world.members.keys())


@PATIENT
@given(changes(), st.data(), KILLS)
def test_hosts_that_are_down_do_no_harm_and_what_is_left_of_the_change_is_done_once_they_are_back(
    change: Change, data: st.DataObject, kills: list[int]
) -> None:
    world = change.world()
    names = sorted(change.before.keys() | change.after.keys())
    roll(world, data.draw(st.integers(1, 40)))  # a host may die at any time
    world.lose(data.draw(st.sets(st.sampled_from(names), max_size=3)))
    assume(serves(world))
    for kill in kills:
        roll(world, kill)
    roll(world)
    world.bring_back()
    assert not roll(world).refused
    assert world.plan() == ()
    assert world.is_as_desired()


@PATIENT
@given(changes(), st.integers(1, 40))
def test_a_change_may_be_taken_back_while_it_is_under_way(change: Change, kill: int) -> None:
    world = change.world()
    roll(world, kill)
    world.turn_to(change.before)
    assert not roll(world).refused
    assert world.plan() == ()
    assert world.is_as_desired()


@PATIENT
@given(changes(), topologies(), st.integers(1, 40))
def test_a_change_may_become_another_while_it_is_under_way(
    change: Change, other: dict[str, list[str]], kill: int
) -> None:
    world = change.world()
    roll(world, kill)
    world.turn_to(other)
    assert not roll(world).refused
    assert world.plan() == ()


@pytest.mark.parametrize("kill", [15, 16, 17, 18])
def test_a_host_that_leaves_last_has_an_api_server_until_then(kill: int) -> None:
    plane = ["etcd", "control-plane"]
    before = {"h-2": ["control-plane"], "h-4": plane}
    world = Change(before, {"h-1": ["control-plane"], "h-2": ["etcd"]}, set()).world()
    roll(world, kill)  # h-4 was to leave, and its API server is out of the others' proxies
    world.turn_to({"h-4": plane})
    assert not roll(world).refused
    assert world.plan() == ()
    assert world.is_as_desired()
