"""A remediation run on a cluster of values: its commands are carried out on a `World`, and time passes as they say."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from unit.remediation.broken import World
from unit.remediation.clusters import NOW
from windlass.domain.remediation import Action, ClusterHealth, History
from windlass.domain.remediation.commands import (
    ActionResult,
    ActionsEnded,
    AskMonitor,
    AwaitBackground,
    BackgroundEnded,
    ClusterObserved,
    CollectBackground,
    Command,
    CordonsObserved,
    Execute,
    MonitorAnswered,
    Observe,
    ObserveCordons,
    Report,
    RunEvent,
    Save,
    StartInBackground,
    Wait,
)
from windlass.domain.remediation.run import begin, step
from windlass.domain.remediation.state import RunStart, RunState
from windlass.domain.spec.models import Repair as Settings
from windlass.errors import NotReadyError

LONGEST_RUN = 3000
"""Commands; a run of more of them is taken not to end."""


@dataclass
class Simulation:
    """One cluster, the history in its store, and all that runs have done there."""

    world: World
    slowness: float = 60.0
    """Seconds that an action without success takes; one in the background may never end."""
    begun: list[tuple[float, Action]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    observed: ClusterHealth | None = None
    under_way: dict[str, tuple[Action, float]] = field(default_factory=dict)
    """In the background, and when each of them will end."""

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.world.seconds)

    @property
    def texts(self) -> list[str]:
        return [one.note.text for one in self.commands if isinstance(one, Report)]

    def run(self, start: RunStart | None = None, killed_after: int = LONGEST_RUN) -> RunState | None:
        """Run to the end and return the last state; None if the run was killed after so many commands."""
        self.under_way = {}
        start = start or RunStart(self.world.history)
        state, commands = begin(Settings(), start, self.now)
        due = deque(commands)
        for _ in range(killed_after):
            if not due:
                return state
            command = due.popleft()
            self.commands.append(command)
            event = self.execute(command)
            if event is not None:
                state, commands = step(state, event, self.now)
                due.extend(commands)
        assert killed_after < LONGEST_RUN, "the run does not end"
        return None

    def execute(self, command: Command) -> RunEvent | None:
        match command:
            case AskMonitor():
                return MonitorAnswered(None)
            case Observe(depth, reports):
                self.world.seconds += 5
                self.observed = self._observe(is_full=depth == "full", reports=set(reports))
                return ClusterObserved(self.observed)
            case ObserveCordons(observed):
                return CordonsObserved(self._with_cordons(observed))
            case Execute(actions):
                return ActionsEnded(tuple(self._perform(one) for one in actions))
            case CollectBackground():
                return BackgroundEnded(tuple(self._ended()))
            case StartInBackground(action):
                self._begin(action)
                took = 30.0 if action.key not in self.world.hopeless else 1e9
                self.under_way[action.key] = (action, self.world.seconds + took)
            case AwaitBackground(seconds) | Wait(seconds):
                self.world.seconds += seconds
            case Save(history):
                assert History.from_bytes(history.to_bytes()) == history
                self.world.history = history
        return None

    def _observe(self, *, is_full: bool, reports: set[str]) -> ClusterHealth:
        observed = self.world.observed()
        known = {key: one for key, one in observed.reports.items() if key in reports or is_full}
        if is_full:
            return replace(observed, reports=known)
        hosts = tuple(
            replace(host, lost_files=(), services=tuple(replace(one, drift=()) for one in host.services))
            for host in observed.hosts
        )
        return replace(observed, hosts=hosts, reports=known)

    def _with_cordons(self, observed: ClusterHealth) -> ClusterHealth:
        ours = self.world.cordoned
        hosts = (replace(one, has_our_cordon=one.name in ours, is_cordoned=one.name in ours) for one in observed.hosts)
        return replace(observed, hosts=tuple(hosts))

    def _begin(self, action: Action) -> None:
        counted = self.world.history.tries[action.key]
        assert (self.now - counted.last).total_seconds() <= LONGEST_RUN, f"{action} is begun and was not counted"
        self.begun.append((self.world.seconds, action))

    def _perform(self, action: Action) -> ActionResult:
        self._begin(action)
        match action.kind:
            case "cordon":
                self.world.cordoned.add(action.host)
            case "uncordon":
                self.world.cordoned.discard(action.host)
            case _ if action.key in self.world.hopeless:
                self.world.seconds += self.slowness
                return ActionResult(action, NotReadyError(f"{action.host}: no answer"))
            case _:
                self.world.seconds += 2
                self.world.broken.pop(action.key, None)
        return ActionResult(action, 2.0)

    def _ended(self) -> list[ActionResult]:
        ended = [action for action, until in self.under_way.values() if until <= self.world.seconds]
        for action in ended:
            del self.under_way[action.key]
            self.world.broken.pop(action.key, None)
        return [ActionResult(action, 30.0) for action in ended]
