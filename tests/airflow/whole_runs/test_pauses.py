"""A whole roll that is asked to pause while it is at work, and the run that goes on with it."""

from __future__ import annotations

from collections.abc import Callable

from windlass.domain.lease import Lease
from windlass.effects.store import ClusterRecords
from windlass.effects.store.keys import lease_key
from world import World
from world.cases.upgrades import ASKED, BEFORE, create, runs_new


def lease_is_free(world: World) -> bool:
    stored = world.store.get(lease_key(world.name))
    return stored is not None and Lease.from_bytes(stored.data).released


def test_a_roll_pauses_between_two_steps_and_the_same_upgrade_goes_on(new: Callable[[str], World]) -> None:
    world = new(BEFORE)
    create(world)
    records = ClusterRecords(world.store, world.name)
    run = world.begin("upgrade_cluster", **ASKED)
    for task in world.tasks(run):
        world.execute(task, run)
        if task.task_id == "roll_1":
            world.run("pause_upgrade", reason="the shop is full")
    run.is_finished = True

    result = run.results["result"]
    rolled = [state for name, state in run.states.items() if name.startswith("roll_")]
    assert rolled == ["success"] * 2 + ["skipped"] * (len(rolled) - 2)
    assert (result["state"], len(result["steps"])) == ("paused", 2)
    assert run.states["verify"] == "success"
    assert lease_is_free(world)
    assert records.rollout() is not None
    assert not runs_new(world)

    rest = world.run("upgrade_cluster", **ASKED)

    assert rest.results["result"]["state"] == "done"
    assert not set(rest.results["result"]["steps"]) & set(result["steps"])
    assert (records.rollout(), records.pause()) == (None, None)
    assert runs_new(world)


def test_a_roll_that_is_asked_before_its_first_step_changes_nothing(new: Callable[[str], World]) -> None:
    world = new(BEFORE)
    create(world)
    run = world.begin("upgrade_cluster", **ASKED)
    for task in world.tasks(run):
        world.execute(task, run)
        if task.task_id == "confirm":
            world.run("pause_upgrade")
    run.is_finished = True

    assert (run.results["result"]["state"], run.results["result"]["steps"]) == ("paused", [])
    assert run.states["verify"] == "skipped"
    assert lease_is_free(world)
