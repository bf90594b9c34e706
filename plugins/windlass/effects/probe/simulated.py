"""Hosts in memory that answer as the probe loop does: the fake transport of the watcher, for tests and benchmarks.

    world = SimulatedWorld()
    poller = Poller(fleet, world)
    world.end("192.0.2.11", 6443)

They say what real loops say and when: a few words when something begins or changes, heartbeats, and else nothing.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from windlass.domain.health.heartbeat import BEAT
from windlass.domain.health.probe import ProbeOutcome
from windlass.effects.probe.checks import Probe
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.listening import Listener
from windlass.errors import UnreachableError

Address = str
"""A host is known by its address, which must differ between all clusters of a world."""


@dataclass
class SimulatedWorld:
    """What is true of all hosts, and the lines to them. It is a Dialler."""

    seed: int = 0
    down: set[tuple[Address, int]] = field(default_factory=set)
    """Address and port of processes that do not listen."""
    dead: set[Address] = field(default_factory=set)
    cut: set[Address] = field(default_factory=set)
    """Hosts that reach no other and are reached by none; Airflow still hears them."""
    ages: dict[tuple[Address, str], float] = field(default_factory=dict)
    """For how many seconds a component's container has run; one that is not here does not run."""
    lines: dict[Address, SimulatedLine] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - a simulation is repeatable

    async def dial(self, target: SshTarget, argv: Sequence[str], listener: Listener) -> SimulatedLine:  # noqa: ARG002
        """See Dialler."""
        await asyncio.sleep(0)
        if target.address in self.dead:
            raise UnreachableError(f"{target.name}: no connection to {target.address}: the simulated host is dead")
        line = self.lines[target.address] = SimulatedLine(self, target.address, listener)
        return line

    async def close(self) -> None:
        """See Dialler."""

    def change(self) -> None:
        """Make all who look see what has changed, each at its next look."""
        for line in self.lines.values():
            line.look_again()

    def end(self, address: Address, port: int) -> None:
        """Let a process end."""
        self.down.add((address, port))
        self.change()

    def mend(self, address: Address, port: int) -> None:
        """Let a process run again."""
        self.down.discard((address, port))
        self.change()

    def kill(self, address: Address) -> None:
        """Let a host die, as when its power fails: nobody is told."""
        self.dead.add(address)
        self.change()

    def revive(self, address: Address) -> None:
        """Let a host come back; its loop ended with it."""
        self.dead.discard(address)
        self.cut.discard(address)
        line = self.lines.pop(address, None)
        if line is not None:
            line.end("the host went down")
        self.change()

    def outcome(self, at: Address, probe: Probe, peers: Sequence[Address]) -> ProbeOutcome:
        """Return what a look from `at` sees."""
        if probe.address not in {at, "127.0.0.1"}:
            reached = [] if at in self.cut else [peer for peer in peers if peer not in self.dead | self.cut]
            if probe.address not in reached:
                return ProbeOutcome.SILENT if reached else ProbeOutcome.ALONE
        return ProbeOutcome.REFUSED if (probe.address, probe.port) in self.down else ProbeOutcome.PASSED


class SimulatedLine:
    """One loop. It keeps no timer for what is quiet."""

    def __init__(self, world: SimulatedWorld, address: Address, listener: Listener) -> None:
        self._world = world
        self._address = address
        self._listener = listener
        self._probes: dict[str, Probe] = {}
        self._peers: list[Address] = []
        self._watched: dict[str, _Watching] = {}
        self._is_closed = False
        self._loop = asyncio.get_running_loop()
        self._beat_timer = self._loop.call_later(world.random.uniform(0, BEAT), self._beat)

    def write(self, text: str) -> None:
        """See Line; the program that comes first is skipped."""
        if "\nload(" in text:
            text = text[text.rindex("sys.stdout.buffer)\n") + len("sys.stdout.buffer)\n") :]
        for line in text.splitlines():
            self._obey(line.split("\t"))

    def close(self) -> None:
        """See Line."""
        self._is_closed = True
        self._beat_timer.cancel()
        for watching in self._watched.values():
            watching.stop()
        self._watched.clear()

    def end(self, reason: str) -> None:
        """Let the loop end by itself."""
        if not self._is_closed:
            self.close()
            self._listener.on_end(reason)

    def look_again(self) -> None:
        """Look at everything again, each at a moment of its own."""
        for watching in self._watched.values():
            watching.wake()

    def say(self, *fields: object) -> None:
        """Say a word; a dead host says nothing."""
        if not self._is_closed and self._address not in self._world.dead:
            self._listener.on_line("\t".join([f"{time.monotonic():.3f}", *(str(one) for one in fields)]))

    def outcome(self, probe: Probe) -> ProbeOutcome:
        """Return what this host sees now."""
        return self._world.outcome(self._address, probe, self._peers)

    def _beat(self) -> None:
        self.say("beat", f"{time.time():.3f}")
        self._beat_timer = self._loop.call_later(BEAT, self._beat)

    def _obey(self, fields: list[str]) -> None:
        match fields:
            case ["probe", *rest]:
                self._probes[rest[0]] = Probe(rest)
            case ["peer", address, _]:
                self._peers.append(address)
            case ["watch", name]:
                if name in self._watched:
                    self._watched[name].stop()
                self._watched[name] = _Watching(self, self._probes[name], self._world.random)
                self._watched[name].look()
            case ["rest", name]:
                if name in self._watched:
                    self._watched.pop(name).stop()
            case ["inspect", component]:
                age = self._world.ages.get((self._address, component))
                state = ("exited", "60") if age is None else ("running", f"{age:.1f}")
                self.say("container", component, *state)
            case _:
                pass


class _Watching:
    """One probe that is looked at."""

    def __init__(self, line: SimulatedLine, probe: Probe, dice: random.Random) -> None:
        self._line = line
        self._probe = probe
        self._dice = dice
        self._run: tuple[ProbeOutcome | None, int] = (None, 0)
        self._timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wake(self) -> None:
        """Look at the next moment that the interval would have brought."""
        if self._timer is None and self._line.outcome(self._probe) is not self._run[0]:
            self._later(self._dice.uniform(0, self._probe.interval))

    def look(self) -> None:
        """Look, tell, and go on until it is quiet."""
        outcome = self._line.outcome(self._probe)
        took = self._probe.timeout if outcome in {ProbeOutcome.SILENT, ProbeOutcome.ALONE} else 0.0
        if took:
            self._timer = asyncio.get_running_loop().call_later(took, self._tell, outcome, took)
        else:
            self._tell(outcome, took)

    def _tell(self, outcome: ProbeOutcome, took: float) -> None:
        self._timer = None
        last, count = self._run
        self._run = (outcome, count + 1 if outcome is last else 1)
        if self._run[1] <= self._probe.times:
            self._line.say("look", self._probe.id, outcome.value, "")
            self._later(max(0.0, self._probe.interval - took))
        elif self._line.outcome(self._probe) is not outcome:
            self._later(max(0.0, self._probe.interval - took))

    def _later(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self.look)
