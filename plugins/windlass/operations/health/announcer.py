"""What becomes of news: findings are announced once, after planned work has ended, and all of it is written down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from windlass.domain.health import TOLD_WHEN_OVER, Effects, Finding, Status, StatusChange
from windlass.domain.servicelog import Event
from windlass.effects.repeats import Repeats
from windlass.errors import WindlassError
from windlass.operation_names import Operation
from windlass.operations.health.fleet import Fleet

log = logging.getLogger(__name__)

REMIND_SECONDS = 300.0
"""A finding that is still open after this is announced again: the run that it started may have died, or yielded."""
AGAIN_SECONDS = 30.0
"""After this a watcher that begins announces what it finds open: the one before may have died over it."""
HELD_SECONDS = 5.0
"""Between two looks at whether planned work has ended."""
WRITERS = 8
MOST_EVENTS = 1000
"""How many entries of the service log are kept while the store does not take them."""


@dataclass
class _ClusterQueue:
    """The papers of one cluster."""

    waiting: dict[str, Finding] = field(default_factory=dict)
    """Findings by id that are still to be announced."""
    announced: dict[str, float] = field(default_factory=dict)
    """When each open finding was announced last."""
    reminded: set[str] = field(default_factory=set)
    """Those of them that have been announced more than once: repair has not ended them."""
    events: list[Event] = field(default_factory=list)
    status: Mapping[str, Any] | None = None
    is_announcing: bool = False
    is_writing: bool = False


class Announcer:
    """Announces and writes down. All its methods belong to the event loop's thread."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._queues: dict[str, _ClusterQueue] = {}
        self._queue: asyncio.Queue[tuple[Finding, ...]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._repeats = Repeats()
        self._writers = asyncio.Semaphore(WRITERS)

    async def take(self) -> tuple[Finding, ...]:
        """Wait for findings to announce; give all there are by then."""
        found = list(await self._queue.get())
        while not self._queue.empty():
            found += self._queue.get_nowait()
        return tuple(found)

    def open(self, cluster: str, findings: Iterable[Finding], now: float, waiting: Iterable[Finding] = ()) -> None:
        """Begin with a cluster; `findings` that are open already were announced before, except those `waiting`."""
        left = {finding.id: finding for finding in waiting}
        # Whether the last watcher got as far as to announce them nobody knows.
        soon = now - REMIND_SECONDS + AGAIN_SECONDS
        announced = {finding.id: soon for finding in findings if finding.id not in left}
        queue = self._queues[cluster] = _ClusterQueue(waiting=left, announced=announced)
        self._announce_soon(cluster, queue)

    def drop(self, cluster: str) -> tuple[Finding, ...]:
        """Forget a cluster; return what was to be announced, for whoever goes on with it."""
        queue = self._queues.pop(cluster, None)
        return () if queue is None else tuple(queue.waiting.values())

    def tell(self, cluster: str, effects: Effects, status: Mapping[str, Any], now: datetime) -> None:
        """Take news in: announce findings, and write all of it down."""
        queue = self._queues.get(cluster)
        if queue is None:
            return
        for finding in effects.closed:
            queue.waiting.pop(finding.id, None)
            was_announced = queue.announced.pop(finding.id, None) is not None
            is_ended_by_others = finding.kind in TOLD_WHEN_OVER or finding.id in queue.reminded
            queue.reminded.discard(finding.id)
            if was_announced and is_ended_by_others:
                queue.waiting[finding.id] = replace(finding, is_over=True)
        queue.waiting |= {finding.id: finding for finding in effects.opened}
        queue.events += [_transition_event(one, now) for one in effects.transitions if _is_telling(one)]
        queue.events += [_finding_event(one, now, is_over=False) for one in effects.opened]
        queue.events += [_finding_event(one, now, is_over=True) for one in effects.closed]
        queue.events = queue.events[-MOST_EVENTS:]
        self._announce_soon(cluster, queue)
        self.save(cluster, status)

    def remind(self, cluster: str, findings: Iterable[Finding], now: float) -> None:
        """Announce again what has been open for long."""
        queue = self._queues.get(cluster)
        if queue is None:
            return
        for finding in findings:
            if finding.id in queue.waiting:
                continue  # it was not announced yet
            if now - queue.announced.setdefault(finding.id, now) >= REMIND_SECONDS:
                queue.announced[finding.id] = now
                queue.reminded.add(finding.id)
                queue.waiting[finding.id] = finding
        self._announce_soon(cluster, queue)

    def save(self, cluster: str, status: Mapping[str, Any]) -> None:
        """Write the last observation; while one is being written, only the newest waits."""
        queue = self._queues.get(cluster)
        if queue is not None:
            queue.status = status
            if not queue.is_writing:
                queue.is_writing = True
                self._start(self._write(cluster, queue))

    def close(self) -> None:
        """Stop what is going on."""
        for task in self._tasks:
            task.cancel()

    def _announce_soon(self, cluster: str, queue: _ClusterQueue) -> None:
        if queue.waiting and not queue.is_announcing:
            queue.is_announcing = True
            self._start(self._announce(cluster, queue))

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _announce(self, cluster: str, queue: _ClusterQueue) -> None:
        try:
            await self._until_free(cluster, queue)
            if queue.waiting and self._queues.get(cluster) is queue:
                found, queue.waiting = tuple(queue.waiting.values()), {}
                now = asyncio.get_running_loop().time()
                queue.announced |= {finding.id: now for finding in found if not finding.is_over}
                await self._queue.put(found)
        finally:
            queue.is_announcing = False

    async def _until_free(self, cluster: str, queue: _ClusterQueue) -> None:
        pause = 0.0
        while queue.waiting:
            await asyncio.sleep(pause)
            if not await self._is_held(cluster):
                return
            pause = HELD_SECONDS

    async def _is_held(self, cluster: str) -> bool:
        try:
            holder = await asyncio.to_thread(self._fleet.held_by, cluster, datetime.now(UTC))
        except WindlassError as error:
            # Repair asks for the lease itself, so that nothing is done in ignorance of it.
            if self._repeats.is_news(cluster, str(error)):
                log.warning("%s: cannot tell whether it is being changed: %s", cluster, error)
            return False
        if holder is None:
            self._repeats.is_over(cluster)
        elif self._repeats.is_news(cluster, holder):
            log.info("%s: findings wait, as it is being changed by %s", cluster, holder)
        return holder is not None

    async def _write(self, cluster: str, queue: _ClusterQueue) -> None:
        try:
            while queue.status is not None:
                status, queue.status = queue.status, None
                events, queue.events = queue.events, []
                async with self._writers:
                    is_saved = await self._save(cluster, status, events)
                if not is_saved:
                    # They are written with what comes next; an event that is there already is not written twice.
                    queue.events = [*events, *queue.events][-MOST_EVENTS:]
        finally:
            queue.is_writing = False

    async def _save(self, cluster: str, status: Mapping[str, Any], events: list[Event]) -> bool:
        try:
            await asyncio.to_thread(self._fleet.save, cluster, status, events)
        except WindlassError as error:
            log.warning("%s: cannot write down what was seen (%d events): %s", cluster, len(events), error)
            return False
        return True


def _is_telling(transition: StatusChange) -> bool:
    """Say whether people want to read of it: not that a new watcher saw at last what was so all the time."""
    return (transition.before, transition.after) != (Status.UNKNOWN, Status.HEALTHY)


def _transition_event(transition: StatusChange, now: datetime) -> Event:
    subject = transition.subject
    seen = f" seen from {', '.join(transition.seen_from)}" if transition.seen_from else ""
    why = f": {transition.evidence}" if transition.evidence and transition.after is Status.UNHEALTHY else ""
    return Event(
        time=now,
        operation=Operation.WATCH,
        text=f"{subject} is {transition.after.value}, it was {transition.before.value}{seen or ', unseen'}{why}",
        level="warning" if transition.after in {Status.UNHEALTHY, Status.UNKNOWN} else "info",
        host=subject.host,
        component=subject.component,
        details={"before": transition.before.value, "after": transition.after.value, "seen_from": transition.seen_from},
    )


def _finding_event(finding: Finding, now: datetime, *, is_over: bool) -> Event:
    what = f"{finding.kind.value.replace('_', ' ')}: {finding.component} on {finding.host or 'the cluster'}"
    return Event(
        time=now,
        operation=Operation.WATCH,
        text=f"over: {what}" if is_over else f"{what}; {finding.evidence}",
        level="info" if is_over else "error",
        host=finding.host,
        component=finding.component,
        details={"finding": finding.id, "kind": finding.kind.value, "seen_from": finding.seen_from},
    )
