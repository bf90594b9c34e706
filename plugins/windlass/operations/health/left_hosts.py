"""Hosts that left their cluster while they did not answer: whether they are back, by a login from time to time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from windlass.domain.health import Finding, Kind
from windlass.domain.health.host_report import ANSWERS, HostReport
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.listening import Dialler, Listener
from windlass.errors import WindlassError
from windlass.operations.health.fleet import MonitoredCluster

EVERY_SECONDS = 30.0
"""Between two logins on such a host. Two in a row that succeed make a finding."""
_TOPIC, _AWAY = "left", "away"
Ask = Callable[[str], Awaitable[tuple[str, ...] | None]]
"""Asks the store which hosts of a cluster have left and are not clean; None if it does not tell."""
Tell = Callable[[str, HostReport], None]


@dataclass
class LeftHostMonitor:
    """Looks for the hosts that have left, of all clusters, each login on its own so that nothing waits for another.

    The store is asked only where one of them answers: it may have been cleaned since.
    """

    dialler: Dialler
    ask: Ask
    tell: Tell
    """Takes what was found of a host of a cluster."""
    _looked: dict[str, float] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def look(
        self, watched: MonitoredCluster, open_findings: Iterable[Finding], moment: float, gate: asyncio.Semaphore
    ) -> None:
        """Begin to look for a cluster's left hosts, if it is time to and it has any; what was found of others is over.

        `open_findings` are those that the cluster has.
        """
        name = watched.plan.cluster
        for finding in open_findings:
            if finding.kind is Kind.LEFT_HOST and finding.component not in watched.left:
                self.tell(name, HostReport(_TOPIC, finding.component, _AWAY))
        if not watched.left or name in self._tasks or moment - self._looked.get(name, float("-inf")) < EVERY_SECONDS:
            return
        self._looked[name] = moment
        task = self._tasks[name] = asyncio.create_task(self._look(name, watched.left.values(), gate))
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    def forget(self, cluster: str) -> None:
        """Look for no host of a cluster any more."""
        self._looked.pop(cluster, None)
        task = self._tasks.pop(cluster, None)
        if task is not None:
            task.cancel()

    async def _look(self, cluster: str, targets: Iterable[SshTarget], gate: asyncio.Semaphore) -> None:
        listed = list(targets)
        answers = await asyncio.gather(*(self._answers(target, gate) for target in listed))
        left = await self.ask(cluster) if any(answers) else ()
        if left is None:
            return
        for target, does_answer in zip(listed, answers, strict=True):
            is_back = does_answer and target.name in left
            self.tell(cluster, HostReport(_TOPIC, target.name, ANSWERS if is_back else _AWAY))

    async def _answers(self, target: SshTarget, gate: asyncio.Semaphore) -> bool:
        """Say whether a login succeeds: then it is the host that left, by its key."""
        try:
            async with gate:
                line = await self.dialler.dial(target, ("true",), Listener(_ignore, _ignore))
        except WindlassError:
            return False
        line.close()
        return True


def _ignore(_: str) -> None:
    """Hear nothing: that the login succeeds says all."""
