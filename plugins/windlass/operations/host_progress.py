"""What goes on on several hosts at once is told while it takes long: which of them are still at it."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

TELL_EVERY_SECONDS = 15.0


class HostProgress:
    """Tells every so many seconds which hosts have not ended yet; nothing of what is over by then."""

    def __init__(self, doing: str, hosts: Iterable[str], tell: Callable[[str], None] | None) -> None:
        self._doing = doing
        self._left = dict.fromkeys(hosts)
        self._tell = tell
        self._began = time.monotonic()
        self._has_ended = threading.Event()
        self._thread: threading.Thread | None = None

    def ended(self, host: str) -> None:
        """Note that one of them has ended, however it did."""
        self._left.pop(host, None)

    def __enter__(self) -> Self:
        """Begin to tell."""
        if self._tell is not None:
            run = contextvars.copy_context().run
            self._thread = threading.Thread(
                target=run, args=(self._go, self._tell), name="windlass-progress", daemon=True
            )
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Tell no more."""
        self._has_ended.set()
        if self._thread is not None:
            self._thread.join()

    def _go(self, tell: Callable[[str], None]) -> None:
        while not self._has_ended.wait(TELL_EVERY_SECONDS):
            tell(f"{self._doing}: {time.monotonic() - self._began:.0f} s: not ended on {', '.join(list(self._left))}")
