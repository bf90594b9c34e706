"""Each DAG's process is killed before and after everything that it changes; what comes of it is always the same.

A new DAG is one more row of CASES; what its scripts and commands do is told in tests/world.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from world import Boundary, Killed, World

SPEC = """
apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane]}
      - {name: w-1, address: 192.0.2.12, roles: [worker], labels: {tier: front}}
"""
CHANGES = """\
  components:
    kubelet: {extraArgs: {v: "3"}}
    kube-apiserver: {extraArgs: {v: "3"}}
  security: {podSecurity: restricted}
"""
CHANGED = SPEC + CHANGES
STRIDE = 7
"""Each run that dies is followed by a whole one, which takes a while: so only at each so many boundaries."""
New = Callable[[str], World]


@dataclass(frozen=True)
class Case:
    """A run of a DAG, and what was before it."""

    dag_id: str
    params: dict[str, Any]
    before: Callable[[World], object] = lambda world: None


def create(world: World) -> None:
    world.run("create_cluster", spec=SPEC)


CASES = {
    "create": Case("create_cluster", {"spec": SPEC}),
    "apply a changed spec": Case("create_cluster", {"spec": CHANGED}, create),
    "delete": Case("delete_cluster", {"confirm_name": "demo"}, create),
}


def every_boundary(world: World) -> list[Boundary]:
    """Return the boundaries of the task that just ran."""
    return list(world.boundaries.all())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_task_that_dies_anywhere_and_is_tried_again_does_what_it_would_have_done(new: New, case: Case) -> None:
    world = new(SPEC)
    case.before(world)
    run = world.begin(case.dag_id, **case.params)
    died = 0
    for task in world.tasks(run):
        before, results = world.save(), dict(run.results)
        world.execute(task, run)
        wanted, after, boundaries = world.state(), world.save(), every_boundary(world)
        for boundary in boundaries:
            world.restore(before)
            run.results = dict(results)
            with pytest.raises(Killed):
                world.execute(task, run, end_at=boundary)
            world.execute(task, run)
            assert world.state() == wanted, f"{task.task_id} killed at {boundary}"
            died += 1
        world.restore(after)
    assert set(run.states.values()) == {"success"}
    assert died > 10


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_run_that_dies_anywhere_is_made_up_for_by_the_next(new: New, case: Case) -> None:
    world = new(SPEC)
    case.before(world)
    undisturbed = world.save()
    world.run(case.dag_id, **case.params)
    wanted = world.state()

    world.restore(undisturbed)
    run = world.begin(case.dag_id, **case.params)
    seen = 0
    for task in world.tasks(run):
        before = world.save()
        world.execute(task, run)
        after, boundaries = world.save(), every_boundary(world)
        for boundary in boundaries:
            seen += 1
            if seen % STRIDE:
                continue
            world.restore(before)
            with pytest.raises(Killed):
                world.execute(task, run, end_at=boundary)
            world.runs[run.run_id].is_finished = True
            if case.dag_id != "delete_cluster" or world.is_known:
                world.run(case.dag_id, **case.params)
            assert world.state() == wanted, f"{task.task_id} killed at {boundary}"
        world.restore(after)
    assert seen > 10
