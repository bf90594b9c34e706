"""The one poller of all clusters: adds and drops them as their specs change, and gives what is found as it is found."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from windlass.domain.health import Effects, Finding
from windlass.domain.health.host_report import HostReport
from windlass.effects.repeats import Repeats
from windlass.effects.ssh.listening import Dialler
from windlass.errors import WindlassError
from windlass.operations.health.announcer import Announcer
from windlass.operations.health.backup_age import BackupAgeMonitor
from windlass.operations.health.cluster_monitor import ClusterMonitor
from windlass.operations.health.fleet import Fleet, MonitoredCluster, NewestBundle
from windlass.operations.health.left_hosts import LeftHostMonitor

log = logging.getLogger(__name__)
T = TypeVar("T")

TICK_SECONDS = 0.5
HELD_UP_SECONDS = 3.0
"""A tick that comes later than this was held up, and with it every word that seems to be late."""
CALM_TICKS = 10
"""A calm cluster is looked after at each tenth tick."""
ALIVE_TICKS = 120
SAVE_TICKS = 240
LOGINS_AT_ONCE = 32


@dataclass(frozen=True)
class ReadPace:
    """How often the store is asked, in seconds."""

    specs: float = 10.0
    """Between two looks at which clusters there are, and which of them have another spec."""
    reading: float = 0.05
    """Between two readings of specs, so that not all are read at once."""
    rereads: int = 33
    """How many specs are read again at each look whose marks are as they were, in turn: marks may be missing."""


@dataclass(frozen=True)
class _Read:
    """A spec was read."""

    mark: str
    at: float


class FleetMonitor:
    """Watches every cluster of a fleet, from one event loop."""

    def __init__(self, fleet: Fleet, dialler: Dialler, pace: ReadPace | None = None) -> None:
        self._fleet = fleet
        self._dialler = dialler
        self._pace = pace or ReadPace()
        self._gate = asyncio.Semaphore(LOGINS_AT_ONCE)
        self._announcer = Announcer(fleet)
        self._monitors: dict[str, ClusterMonitor] = {}
        self._texts: dict[str, str] = {}
        self._reads: dict[str, _Read] = {}
        self._backups = BackupAgeMonitor(self._newest)
        self._repeats = Repeats()
        self._left = LeftHostMonitor(dialler, self._left_hosts, self._report)

    @property
    def monitors(self) -> tuple[ClusterMonitor, ...]:
        """The clusters that are watched now."""
        return tuple(self._monitors.values())

    async def findings(self) -> AsyncIterator[tuple[Finding, ...]]:
        """Yield new findings as they are made, as long as this is iterated."""
        async with self._running():
            while True:
                yield await self._announcer.take()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(self._refresh_forever()), tasks.create_task(self._tick_forever())]
            try:
                yield
            finally:
                for task in background:
                    task.cancel()
                for name in list(self._monitors):
                    self._drop(name)
                self._announcer.close()
                await self._dialler.close()

    async def _tick_forever(self) -> None:
        last = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            if now - last > TICK_SECONDS + HELD_UP_SECONDS:
                log.warning("held up for %.1f s; what seems late meanwhile is not held against the hosts", now - last)
                for monitor in self._monitors.values():
                    monitor.forgive()
            last = now
            self._tick(number, now)

    def _tick(self, number: int, now: float) -> None:
        is_cut = self._is_cut(now)
        for place, monitor in enumerate(list(self._monitors.values())):
            turn = number + place
            if turn % CALM_TICKS == 0 or not monitor.watch.is_calm:
                monitor.tick(is_airflow_cut=is_cut)
                self._announcer.remind(monitor.cluster, monitor.watch.findings, now)
            if turn % ALIVE_TICKS == 0:
                monitor.alive()
            if turn % SAVE_TICKS == 0:
                self._announcer.save(monitor.cluster, monitor.watch.status(now))

    def _is_cut(self, now: float) -> bool:
        """Say whether nothing at all is heard: then it is Airflow that is cut. Of a lone host that cannot be told."""
        hosts = sum(len(monitor.watch.plan.hosts) for monitor in itertools.islice(self._monitors.values(), 2))
        return hosts > 1 and not any(monitor.watch.heartbeats.heard(now) for monitor in self._monitors.values())

    async def _refresh_forever(self) -> None:
        while True:
            begun = time.monotonic()
            marks = await self._ask("list the clusters", self._fleet.marks)
            if marks is not None:
                await self._refresh_all(marks)
            await asyncio.sleep(max(self._pace.reading, self._pace.specs - (time.monotonic() - begun)))

    async def _refresh_all(self, marks: Mapping[str, str]) -> None:
        for name in [name for name in self._monitors if name not in marks]:
            self._drop(name)
        for name in self._to_read(marks):
            # Those that are new are watched at once, however many there are.
            await asyncio.sleep(self._pace.reading if name in self._monitors else 0)
            await self._alone(name, self._refresh(name, marks[name]))
        for monitor in self.monitors:
            await asyncio.sleep(0)
            await self._alone(monitor.cluster, self._look_at_backups(monitor))
            self._left.look(monitor.watched, monitor.watch.findings, time.monotonic(), self._gate)

    def _to_read(self, marks: Mapping[str, str]) -> list[str]:
        """Return the clusters to read: those that are new or marked as others, then some of all others in turn."""
        self._reads = {name: read for name, read in self._reads.items() if name in marks}
        new = [
            name for name, mark in sorted(marks.items()) if name not in self._reads or self._reads[name].mark != mark
        ]
        others = sorted(self._reads.keys() - set(new), key=lambda name: self._reads[name].at)
        # The keys of hosts that are not reached may be known by now.
        lacking = [name for name in others if name in self._monitors and self._misses_hosts(self._monitors[name])]
        turns = [*others[: self._pace.rereads], *lacking[: self._pace.rereads]]
        return list(dict.fromkeys([*new, *turns]))

    async def _alone(self, name: str, act: Coroutine[Any, Any, None]) -> None:
        """Do one thing about one cluster; whatever is wrong with it there, all others go on being watched."""
        try:
            await act
        except Exception:
            log.exception("%s: cannot be watched by what the store has of it", name)

    async def _refresh(self, name: str, mark: str) -> None:
        def read() -> tuple[str | None]:
            return (self._fleet.spec(name),)

        answer = await self._ask(f"read the spec of {name}", read)
        if answer is None:
            return
        (text,) = answer
        monitor = self._monitors.get(name)
        if text is None:
            self._drop(name)
        elif (monitor is None or text != self._texts[name] or self._misses_hosts(monitor)) and not await self._watch(
            name, text
        ):
            return
        self._reads[name] = _Read(mark, time.monotonic())

    async def _look_at_backups(self, monitor: ClusterMonitor) -> None:
        report = await self._backups.report(monitor.watched, time.monotonic(), datetime.now(UTC))
        if report is not None:
            monitor.report(report)

    async def _newest(self, cluster: str) -> NewestBundle | None:
        return await self._ask(f"see how old backups of {cluster} are", lambda: self._fleet.newest(cluster))

    async def _left_hosts(self, cluster: str) -> tuple[str, ...] | None:
        return await self._ask(f"see which hosts have left {cluster}", lambda: self._fleet.left(cluster))

    def _report(self, cluster: str, report: HostReport) -> None:
        monitor = self._monitors.get(cluster)
        if monitor is not None:
            monitor.report(report)

    def _misses_hosts(self, monitor: ClusterMonitor) -> bool:
        return len(monitor.watch.heartbeats.heard(time.monotonic())) < len(monitor.watch.plan.hosts)

    async def _watch(self, name: str, text: str) -> bool:
        """Begin to watch a cluster, or go on with what is new about it: its spec, or the host keys that are known.

        False if what is to be watched cannot be told.
        """
        watched = await self._ask(f"see what is to be watched of {name}", lambda: self._fleet.watched(name, text))
        before = self._monitors.get(name)
        if watched is None or (before is not None and before.is_as(watched)):
            return watched is not None
        known = watched.known if before is None else before.watch.status(time.monotonic())
        waiting = self._drop(name)
        monitor = self._monitors[name] = self._monitor(name, watched, known)
        self._texts[name] = text
        self._announcer.open(name, monitor.watch.findings, time.monotonic(), waiting)
        monitor.start(self._dialler, self._gate)
        log.info("%s: watched on %d hosts", name, len(watched.plan.hosts))
        return True

    def _monitor(self, name: str, watched: MonitoredCluster, known: Mapping[str, Any] | None) -> ClusterMonitor:
        try:
            return ClusterMonitor(watched, known, self._told(name))
        except (WindlassError, KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("%s: its last observation is not readable (%r); it is watched again", name, error)
            return ClusterMonitor(watched, None, self._told(name))

    def _told(self, name: str) -> Callable[[Effects], None]:
        def tell(effects: Effects) -> None:
            monitor = self._monitors.get(name)
            if monitor is not None:
                self._announcer.tell(name, effects, monitor.watch.status(time.monotonic()), datetime.now(UTC))

        return tell

    def _drop(self, name: str) -> tuple[Finding, ...]:
        """End a cluster's watch; return what was found and not announced yet."""
        monitor = self._monitors.pop(name, None)
        self._texts.pop(name, None)
        self._backups.forget(name)
        self._left.forget(name)
        if monitor is not None:
            monitor.stop()
        return self._announcer.drop(name)

    async def _ask(self, doing: str, ask: Callable[[], T]) -> T | None:
        """Ask the store, from a thread; None, and a word in the log, if it does not answer or says what it cannot."""
        try:
            answer = await asyncio.to_thread(ask)
        except WindlassError as error:
            if self._repeats.is_news(doing, str(error)):
                log.warning("cannot %s: %s", doing, error)
            return None
        self._repeats.is_over(doing)
        return answer
