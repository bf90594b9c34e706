"""What is asked of DAGs that work under the lease: a suspended process changes no host any more when it wakes up late.

It is suspended anywhere in its work; meanwhile another run takes the lease, does all of it, and gives the lease back.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from windlass.domain.host.layout import FENCE
from windlass.domain.lease import LEASE_LIFE, Lease
from windlass.effects.ssh.fake import Call
from windlass.effects.store.keys import lease_key
from world.commands import answer
from world.deaths import Boundary
from world.everything import World
from world.kills import EVERYWHERE, Case
from world.machine import Machine
from world.runs import Run


@dataclass
class Suspension:
    """A process that stops at one boundary, with all of its threads, until another run has ended."""

    world: World
    case: Case
    run: Run
    at: Boundary
    is_frozen: bool
    """Whether its clocks stand still meanwhile, as those of a virtual machine may that is paused."""
    was_followed: bool = False
    """Whether it had the lease, so that another run took it."""
    changed_since: frozenset[str] = frozenset()
    """The hosts that the other run has changed."""
    begun: list[str] = field(default_factory=list)
    """The hosts on which the process began with a change when it was awake again, and had no lease."""
    _awake: threading.Event = field(default_factory=threading.Event)
    _was_there: bool = False
    _asleep: frozenset[int | None] = frozenset()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Suspend the process when it comes there, and note what it begins with on hosts from then on."""
        self.world.boundaries.watch = self._crossed
        for machine in self.world.machines.values():
            machine.host.on(answer=self._answering(machine))
            machine.host.after = self._ending(machine, machine.host.after)
        try:
            yield
        finally:
            self.world.boundaries.watch = None
            for machine in self.world.machines.values():
                machine.serve()

    def _crossed(self, boundary: Boundary) -> None:
        if boundary == self.at and not self._was_there:
            self._was_there = True
            self._asleep = frozenset(one.ident for one in threading.enumerate()) - {threading.get_ident()}
            try:
                self._let_another_work()
            finally:
                self._awake.set()
        elif threading.get_ident() in self._asleep and boundary.place in self.world.machines:
            self._awake.wait(60)

    def _let_another_work(self) -> None:
        world = self.world
        if not self._has_lease():
            return
        self.was_followed = self.run.is_finished = True
        with world.boundaries.uncounted(), world.clock.standing_still(really=self.is_frozen):
            # A run of another kind than this one would do too; this one at least has something to do.
            world.run(self.case.dag_id, **self.case.params)
        if not self.is_frozen:
            world.clock.sleep(LEASE_LIFE.total_seconds())
        newest = self._lease().counter
        kept = {name: machine.host.files.get(FENCE) for name, machine in world.machines.items()}
        self.changed_since = frozenset(name for name, file in kept.items() if file and int(file.content) == newest)

    def _answering(self, machine: Machine) -> Callable[[Call], object]:
        def answering(call: Call) -> object:
            if call.script is not None and not call.script.is_look:
                self._note(machine.name)
            return answer(machine, call)

        return answering

    def _ending(self, machine: Machine, after: Callable[[Call], None] | None) -> Callable[[Call], None]:
        def ending(call: Call) -> None:
            if call.argv[0].startswith("<put"):
                self._note(machine.name)
            if after is not None:
                after(call)

        return ending

    def _note(self, host: str) -> None:
        if self.was_followed and self._awake.is_set() and not self._has_lease():
            self.begun.append(host)

    def _has_lease(self) -> bool:
        lease = self._lease()
        return not lease.released and lease.owner.run_id == self.run.run_id

    def _lease(self) -> Lease:
        return Lease.from_bytes(self.world.store.objects[lease_key(self.world.name)])


def check_that_a_process_without_the_lease_changes_no_host(world: World, case: Case, *, is_frozen: bool) -> None:
    """Suspend a run here and there, let another have its turn, and go on.

    One that can tell how long it slept changes no host at all; one whose clocks stood still is refused by the hosts
    that the other run has changed.
    """
    case.before(world)
    run = world.begin(case.dag_id, **case.params)
    seen, followed = 0, Counter[bool]()
    for task in world.tasks(run):
        before, results = world.save(), dict(run.results)
        world.execute(task, run)
        after, told, boundaries = world.save(), dict(run.results), world.boundaries.all()
        for boundary in boundaries:
            # The API of this world answers one at a time, so that nobody can be suspended within an answer.
            if boundary.place not in world.machines or lease_key(world.name) not in world.store.objects:
                continue
            seen += 1
            if not (EVERYWHERE or seen % (3 * case.stride) == 0):
                continue
            world.restore(before)
            now = world.runs[run.run_id]
            now.results = dict(results)
            suspended = Suspension(world, case, now, boundary, is_frozen)
            with suspended.watching(), suppress(Exception):  # in whatever way it ends
                world.execute(task, now)
            wrong = [one for one in suspended.begun if not is_frozen or one in suspended.changed_since]
            assert not wrong, f"{task.task_id} suspended at {boundary}: {wrong} was changed after another run"
            followed[suspended.was_followed] += 1
        world.restore(after)
        run.results = told
    assert followed[True] > 1
