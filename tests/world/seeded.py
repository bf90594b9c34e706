"""Runs that die by a seed: several times, amid any task, and are tried again or followed by another.

    python -m world.seeded --runs 10000            # `make kills`
    python -m world.seeded --runs 1 --first 4711   # `make kills RUNS=1 FIRST=4711`: one of them again

`world.kills` has every single death. Here a run dies up to three times, hosts are in another order each time, and what
comes after a death may be the task again, a new run, or a run of something else first. Most seeds begin amid a run that
nobody disturbed up to there, and end as soon as the world is what it was in that one after the same task: from there on
they are that run, which was seen to its end, and whose second run changed nothing. Each `WHOLE`th goes from the first
task to the last, and is followed by a second run of its own.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
import structlog

from windlass.domain.authenticity import place_of
from windlass.errors import WindlassError
from world.cases import CASES
from world.deaths import Boundary, Killed
from world.everything import World
from world.in_turn import InTurn
from world.kills import Case, differences
from world.runs import Run, Task

WHOLE = 16
"""Of so many seeds one goes from the first task to the last."""
DEATHS = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3)
"""How often a run dies, each as likely."""
END = Boundary("the end", 1)
"""The process dies when all is done, before anybody has heard of it."""
HEAL, BACK_UP = "heal_cluster", "etcd_backup"
SECOND = {"disaster_recovery": HEAL, "replace_member": HEAL, "delete_cluster": None}
"""What is run after a DAG to see that all is as it should be; else the same again."""
WITHOUT_ANOTHER = ("delete_cluster", "etcd_backup", "restore_drill", "pause_upgrade", "catalog_watch")
"""DAGs whose run, once dead, is followed by nothing else than another of its kind."""


class DivergedError(AssertionError):
    """A run came to something else than the one that nobody disturbed."""


@dataclass(frozen=True)
class Stop:
    """A task of the run that nobody disturbed."""

    task: Task
    before: Any
    boundaries: Sequence[Boundary]
    desired: dict[str, Any]
    """The state of the world after it."""


@dataclass
class Course:
    """A case's run that nobody disturbed, and all that was before and after each of its tasks."""

    name: str
    case: Case
    world: World
    begun: Any
    """The world before the run."""
    run_id: str = ""
    stops: list[Stop] = field(default_factory=list)
    final: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        run = self.world.begin(self.case.dag_id, **self.case.params)
        self.run_id = run.run_id
        for task in self.world.tasks(run):
            before = self.world.save()
            self.world.execute(task, run)
            boundaries = [*self.world.boundaries.all(), END]
            self.stops.append(Stop(task, before, boundaries, self.world.state()))
        run.is_finished = True
        self.final = self.world.state()
        assert self.case.is_done(self.world), f"{self.name}: the run did not do what it is for"
        self.check_second()

    def check_second(self) -> None:
        """Run it again: nothing changes, but that there is one backup more."""
        dag_id = SECOND.get(self.case.dag_id, self.case.dag_id)
        if dag_id is None or not self.world.is_known:
            return
        before = self.world.state()
        run = self.world.run(dag_id, **(self.case.params if dag_id == self.case.dag_id else {}))
        changed = [task for task in run.changes if not task.startswith("plan.")]
        found = [*differences(_lasting(self.world.state()), _lasting(before)), *changed]
        if found:
            raise DivergedError(f"a second run changed something: {found}")

    def weigh(self, random: Random) -> tuple[int, Boundary]:
        """Choose where to die: each boundary of the run is as likely."""
        numbers = range(len(self.stops))
        (number,) = random.choices(numbers, [len(stop.boundaries) for stop in self.stops])
        return number, random.choice(self.stops[number].boundaries)


def chosen(seed: int) -> tuple[Random, str]:
    """Return what a seed chooses everything by, and the case that it has chosen first."""
    random = Random(seed)  # noqa: S311 - it is to be the same each time
    return random, random.choice(list(CASES))


@dataclass
class Seeded:
    """All courses, each made when it is needed first."""

    patch: pytest.MonkeyPatch
    courses: dict[str, Course] = field(default_factory=dict)
    order: InTurn = field(default_factory=InTurn)
    story: list[str] = field(default_factory=list)
    """What happened in the run of the last seed."""

    def run(self, seed: int) -> None:
        """Let a run die as the seed says; an error, with all that happened, if it does not come to the same end."""
        random, name = chosen(seed)
        self.story = [name]
        course = self._course(name)
        self.order.random = random
        deaths = sorted((course.weigh(random) for _ in range(random.choice(DEATHS))), key=lambda one: one[0])
        if seed % WHOLE:
            self._amid(course, random, *deaths[-1], more=len(deaths) - 1)
        else:
            self._whole(course, random, deaths)

    def _course(self, name: str) -> Course:
        self.patch.undo()
        self.order.install(self.patch)
        self.order.random = None
        if name in self.courses:
            self.courses[name].world.install(self.patch)
        else:
            case = CASES[name]
            world = World(case.spec)
            world.install(self.patch)
            case.before(world)
            self.courses[name] = Course(name, case, world, world.save())
        return self.courses[name]

    def _amid(self, course: Course, random: Random, number: int, first: Boundary, *, more: int) -> None:
        """Let one task die, and try it again, which may die too."""
        stop, world = course.stops[number], course.world
        world.restore(stop.before)
        run = world.runs[course.run_id]
        for boundary in (first, *(random.choice(stop.boundaries) for _ in range(more))):
            self._die(world, stop.task, run, boundary)
        world.execute(stop.task, run)
        self._compare(world.state(), stop.desired)

    def _whole(self, course: Course, random: Random, deaths: list[tuple[int, Boundary]]) -> None:
        """Let a run die at each of these tasks; a run that is not tried again is followed by a new one."""
        world, case = course.world, course.case
        world.restore(course.begun)
        while case.goes_on(world) and not self._went_through(course, random, deaths):
            if case.dag_id not in WITHOUT_ANOTHER and random.random() < 0.5:
                self._another(world, random.choice((HEAL, BACK_UP)))
        self._compare(_lasting(world.state()), _lasting(course.final))
        # Each run of a backup takes a bundle, so that there are more of them after one that died.
        if case.dag_id != BACK_UP and not case.is_done(world):
            raise DivergedError("the run did not do what it is for")
        self.story.append("second run")
        course.check_second()

    def _went_through(self, course: Course, random: Random, deaths: list[tuple[int, Boundary]]) -> bool:
        world = course.world
        run = world.begin(course.case.dag_id, **course.case.params)
        for number, task in enumerate(world.tasks(run)):
            while deaths and deaths[0][0] <= number:
                _, boundary = deaths.pop(0)
                self._die(world, task, run, boundary)
                if random.random() < 0.5:
                    self.story.append("a new run")
                    run.is_finished = True
                    return False
            world.execute(task, run)
        run.is_finished = True
        return True

    def _another(self, world: World, dag_id: str) -> None:
        """Have a run of something else in between, which may find that it is not its time."""
        if not world.is_known:
            return
        run = world.begin(dag_id)
        try:
            for task in world.tasks(run):
                world.execute(task, run)
            self.story.append(f"{dag_id} in between")
        except WindlassError as error:
            self.story.append(f"{dag_id} in between: {str(error).splitlines()[0]}")
        run.is_finished = True

    def _die(self, world: World, task: Task, run: Run, boundary: Boundary) -> None:
        """Have the process die; it does so at the end where it has less to do than to come to `boundary`."""
        results, states = dict(run.results), dict(run.states)
        try:
            world.execute(task, run, end_at=boundary)
        except Killed:
            self.story.append(f"{task.task_id} died at {boundary}")
        else:
            self.story.append(f"{task.task_id} died at {END}")
        run.results, run.states = results, states  # whoever died told nobody

    def _compare(self, found: dict[str, Any], desired: dict[str, Any]) -> None:
        if found != desired and (differing := list(differences(found, desired))):
            raise DivergedError("\n".join(differing))


def _lasting(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state without what tells of runs: bundles, and records that the ledger does not keep."""
    kept = [key for key in state["store"] if getattr(place_of(key), "is_guarded", False)]
    return {name: value for name, value in state.items() if name != "bundles"} | {"store": kept}


def run_all(seeds: Iterable[int], patch: pytest.MonkeyPatch) -> Iterator[tuple[int, str]]:
    """Yield each seed whose run came to something else, with what happened and how to see it again."""
    seeded = Seeded(patch)
    for seed in seeds:
        try:
            seeded.run(seed)
        except Exception as error:  # noqa: BLE001 - all seeds are tried
            why = "" if isinstance(error, DivergedError) else "".join(traceback.format_tb(error.__traceback__)[-3:])
            again = f"again: make kills RUNS=1 FIRST={seed}"
            yield seed, f"{'; '.join(seeded.story)}\n{why}{type(error).__name__}: {error}\n  {again}"
    patch.undo()


def main() -> int:
    """Try so many seeds; 1 if any came to something else."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    failed, began, busy = 0, time.monotonic(), time.process_time()
    with pytest.MonkeyPatch.context() as patch:
        for seed, why in run_all(range(given.first, given.first + given.runs), patch):
            failed += 1
            print(f"seed {seed}: {why}\n", flush=True)  # noqa: T201
    took = f"{time.process_time() - busy:.0f} s of processor time, {time.monotonic() - began:.0f} s in all"
    print(f"{given.runs} runs died, {failed} came to something else; {took}")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
