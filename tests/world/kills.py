"""What is asked of every DAG: wherever its process dies, what comes of it is the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from world.deaths import Killed
from world.everything import World

EVERYWHERE = bool(os.environ.get("WINDLASS_KILL_EVERYWHERE"))
"""Takes its time, and is for a machine that has it."""
ENDED = {"success", "skipped"}


@dataclass(frozen=True)
class Case:
    """A run of a DAG on a cluster of this spec, and what was before it."""

    spec: str
    dag_id: str
    params: dict[str, Any] = field(default_factory=dict)
    before: Callable[[World], object] = lambda world: None
    is_done: Callable[[World], bool] = lambda world: True
    """Tells whether an undisturbed run did what it is for."""
    goes_on: Callable[[World], bool] = lambda world: True
    """Tells whether there is anything left for a run after one that died."""
    stride: int = 7
    """Each run that dies is followed by a whole one, which takes a while: so only at each so many boundaries."""
    always: frozenset[tuple[str, str]] = frozenset()
    """Tasks, each with a place, at whose every boundary a run dies all the same."""

    def is_followed_at(self, number: int, task: str, place: str) -> bool:
        """Tell whether a run that dies at this boundary, its `number`th, is to be followed by another."""
        return EVERYWHERE or number % self.stride == 0 or (task, place) in self.always


def check_that_a_task_can_be_tried_again(world: World, case: Case) -> None:
    """Kill each task before and after everything that it changes, and try it again: the world must be as without."""
    case.before(world)
    run = world.begin(case.dag_id, **case.params)
    seen = 0
    for task in world.tasks(run):
        before, results = world.save(), dict(run.results)
        world.execute(task, run)
        desired, after, boundaries = world.state(), world.save(), world.boundaries.all()
        told = dict(run.results)
        for boundary in boundaries:
            seen += 1
            world.restore(before)
            run.results = dict(results)
            with pytest.raises(Killed):
                world.execute(task, run, end_at=boundary)
            world.execute(task, run)
            differing = list(differences(world.state(), desired))
            assert not differing, f"{task.task_id} killed at {boundary}: {differing}"
        world.restore(after)
        run.results = told
    assert set(run.states.values()) <= ENDED
    assert case.is_done(world)
    assert seen > 1


def check_that_the_next_run_makes_up(world: World, case: Case) -> None:
    """Kill a run here and there, and let another follow: the world must be as after one run that nobody killed."""
    case.before(world)
    undisturbed = world.save()
    world.run(case.dag_id, **case.params)
    desired = world.state()
    assert case.is_done(world)

    world.restore(undisturbed)
    run = world.begin(case.dag_id, **case.params)
    seen = 0
    for task in world.tasks(run):
        before, results = world.save(), dict(run.results)
        world.execute(task, run)
        after, told, boundaries = world.save(), dict(run.results), world.boundaries.all()
        for boundary in boundaries:
            seen += 1
            if not case.is_followed_at(seen, task.task_id, boundary.place):
                continue
            world.restore(before)
            run.results = dict(results)
            with pytest.raises(Killed):
                world.execute(task, run, end_at=boundary)
            world.runs[run.run_id].is_finished = True
            if case.goes_on(world):
                world.run(case.dag_id, **case.params)
            differing = list(differences(world.state(), desired))
            assert not differing, f"{task.task_id} killed at {boundary}: {differing}"
        world.restore(after)
        run.results = told
    assert seen > 1


def differences(found: Any, desired: Any, where: str = "") -> Iterator[str]:
    """Give what differs, deep in the state."""
    if isinstance(found, dict) and isinstance(desired, dict):
        for key in found.keys() | desired.keys():
            yield from differences(found.get(key), desired.get(key), f"{where}/{key}")
    elif found != desired:
        yield f"{where}: {str(found)[:300]}, not {str(desired)[:300]}"
