"""A creation of a cluster with three members of etcd breaks off, and members lose what they had: never two clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from windlass.domain.host.layout import ETCD_DATA
from windlass.errors import RefusedError
from world import World
from world.deaths import Killed
from world.runs import Run, Task
from world.specs import THREE

New = Callable[[str], World]
BOOTSTRAP = "cluster.etcd"


def test_a_bootstrap_that_dies_anywhere_is_finished_by_the_next_run(new: New) -> None:
    world = new(THREE)
    run = world.begin("create_cluster", spec=THREE)
    task = advance(world, run)
    before, results = world.save(), dict(run.results)
    world.execute(task, run)
    after, boundaries = world.state(), world.boundaries.all()
    assert len(boundaries) > 9

    for boundary in boundaries:
        world.restore(before)
        run.results = dict(results)
        with pytest.raises(Killed):
            world.execute(task, run, end_at=boundary)
        world.execute(task, run)
        assert world.state() == after, str(boundary)
        assert len(world.etcd.clusters) == 1


@pytest.mark.parametrize("names", [["cp-1"], ["cp-1", "cp-3"]])
def test_members_that_lost_their_data_before_the_cluster_was_verified_begin_no_other_one(
    new: New, names: list[str]
) -> None:
    world = new(THREE)
    run = world.begin("create_cluster", spec=THREE)
    task = advance(world, run)
    world.execute(task, run)
    clusters = set(world.etcd.clusters)
    lose(world, names)

    with pytest.raises(RefusedError, match=rf"not bootstrapped on {', '.join(names)}, since one may exist"):
        world.execute(task, run)

    assert set(world.etcd.clusters) == clusters
    assert not [name for name in names if world.machines[name].data]


def test_members_that_all_lost_their_data_after_the_cluster_was_verified_begin_no_other_one(new: New) -> None:
    world = new(THREE)
    run = world.begin("create_cluster", spec=THREE)
    task = advance(world, run)
    advance(world, run, to="release")
    clusters = set(world.etcd.clusters)
    lose(world, world.machines)

    with pytest.raises(RefusedError, match=r"the store says that the etcd cluster [0-9a-f]+ was verified once"):
        world.execute(task, run)

    assert set(world.etcd.clusters) == clusters


def test_a_bootstrap_with_other_members_than_those_that_wait_is_refused(new: New) -> None:
    world = new(THREE)
    run = world.begin("create_cluster", spec=THREE)
    task = advance(world, run)
    world.execute(task, run)
    lose(world, ["cp-2", "cp-3"])
    world.etcd.clusters[world.machines["cp-1"].data["member"].cluster].has_led = False
    path = f"{ETCD_DATA}/initial-cluster"
    note = world.machines["cp-1"].host.files[path]
    world.machines["cp-1"].host.files[path] = type(note)(b"cp-1=https://192.0.2.11:2380\n")

    with pytest.raises(RefusedError, match="cp-1: its member was started with other members"):
        world.execute(task, run)


def advance(world: World, run: Run, to: str = BOOTSTRAP) -> Task:
    """Run the tasks that come before one, and return that; those that have run are not run again."""
    for task in world.tasks(run):
        if task.task_id == to:
            return task
        if task.task_id not in run.states:
            world.execute(task, run)
    raise AssertionError(f"the run has no {to}")


def lose(world: World, names: Iterable[str]) -> None:
    """Have hosts come back with an empty directory of etcd, and no container of it."""
    for name in names:
        machine = world.machines[name]
        machine.data = {}
        machine.containers = {key: one for key, one in machine.containers.items() if key[1] != "etcd"}
        machine.host.files = {path: one for path, one in machine.host.files.items() if not path.startswith(ETCD_DATA)}
