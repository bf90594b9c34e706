"""Long repairs go on aside, while the run looks at everything else and repairs that."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta

from windlass.domain.remediation import Action, RemediationPlan
from windlass.domain.remediation.actions import Deferred, Kind
from windlass.errors import WindlassError
from windlass.operations.remediation.observe import result_of

LONG: frozenset[Kind] = frozenset({"restore-files", "replace-host"})
"""What may take minutes: something is downloaded, or a machine starts."""
LIMIT = timedelta(minutes=12)
_LOOK_SECONDS = 2.0


class BackgroundActions:
    """Repairs of workers that are under way; nothing else is done on their hosts meanwhile."""

    def __init__(self) -> None:
        self._under_way: dict[str, tuple[Action, Future[float], datetime]] = {}

    def __bool__(self) -> bool:
        return bool(self._under_way)

    @property
    def keys(self) -> frozenset[str]:
        """The things that are worked on."""
        return frozenset(self._under_way)

    def start(self, repair: Action, act: Callable[[Action], float], now: datetime) -> None:
        """Begin one; it is given up on after `LIMIT`, and ends by its own time limits."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="windlass-aside")
        future = pool.submit(contextvars.copy_context().run, act, repair)
        pool.shutdown(wait=False)
        self._under_way[repair.key] = (repair, future, now)

    def wait(self) -> None:
        """Wait a moment for one of them to end."""
        wait([future for _, future, _ in self._under_way.values()], _LOOK_SECONDS, FIRST_COMPLETED)

    def ended(self, now: datetime) -> Iterator[tuple[Action, float | WindlassError]]:
        """Yield those that have ended, or have had their time."""
        for key, (repair, future, began) in list(self._under_way.items()):
            if future.done() or now - began > LIMIT:
                del self._under_way[key]
                yield repair, result_of(repair.host, future, LIMIT)

    def without(self, plan: RemediationPlan) -> RemediationPlan:
        """Return a plan whose repairs wait on the hosts where one is under way."""
        hosts = {repair.host for repair, _, _ in self._under_way.values()}
        busy = [one for one in plan.repairs if one.host in hosts]
        held = [Deferred(one, "a longer repair of its host is under way") for one in busy]
        return replace(plan, repairs=tuple(one for one in plan.repairs if one not in busy), held=(*plan.held, *held))
