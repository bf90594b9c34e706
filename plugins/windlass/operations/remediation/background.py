"""Long actions go on in the background, while the run observes everything else and acts on that."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from windlass.domain.remediation import Action
from windlass.domain.remediation.commands import ActionResult
from windlass.domain.remediation.run import LIMIT
from windlass.operations.remediation.observe import result_of


class BackgroundActions:
    """Actions that are under way, by their components; of those that were given up on, the results are dropped."""

    def __init__(self, perform: Callable[[Action], float]) -> None:
        """Begin with none; `perform` does one, and returns the seconds until its component was healthy."""
        self._perform = perform
        self._under_way: dict[str, tuple[Action, Future[float]]] = {}

    def start(self, action: Action) -> None:
        """Begin one; it ends by its own time limits."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="windlass-background")
        future = pool.submit(contextvars.copy_context().run, self._perform, action)
        pool.shutdown(wait=False)
        self._under_way[action.key] = (action, future)

    def wait(self, seconds: float) -> None:
        """Wait until one of them ends, for so long at most."""
        wait([future for _, future in self._under_way.values()], seconds, FIRST_COMPLETED)

    def finish(self, seconds: float) -> None:
        """Wait until all of them have ended, for so long at most."""
        wait([future for _, future in self._under_way.values()], seconds)

    def ended(self) -> Iterator[ActionResult]:
        """Yield those that have ended since the last time."""
        for key, (action, future) in list(self._under_way.items()):
            if future.done():
                del self._under_way[key]
                yield ActionResult(action, result_of(action.host, future, LIMIT))
