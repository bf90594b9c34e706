"""Wait for something with a deadline, and say what was still missing when time ran out; or ask just once more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from windlass.effects.clock import Clock
from windlass.errors import TRANSIENT, NotReadyError, UnreachableError

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.1
"""Between the first two looks: most of what is waited for is there within moments."""
_PAUSE_SECONDS = 0.5
"""Between later ones, until which each pause is twice the one before."""


_TELL_AGAIN_SECONDS = 15.0
_SHORTEST_SECONDS = 2.0
"""Between two lines, so that what changes all the time fills no log."""


def _nobody(_: str) -> None:
    """Hear nothing."""


class WaitProgress:
    """Tells what a wait is for: at once when that has changed, and again after a while though it has not."""

    def __init__(self, tell: Callable[[str], None], doing: str, clock: Clock) -> None:
        self._tell = tell
        self._doing = doing
        self._clock = clock
        self._began = clock.monotonic()
        self._told, self._told_at = "", float("-inf")

    def report(self, missing: str) -> None:
        """Tell what is `missing`, unless that was told a short while ago."""
        now = self._clock.monotonic()
        if now - self._told_at >= (_SHORTEST_SECONDS if missing != self._told else _TELL_AGAIN_SECONDS):
            self._tell(f"{self._doing}: {now - self._began:.0f} s: {missing}")
            self._told, self._told_at = missing, now


def wait_until(
    look: Callable[[], str],
    within: timedelta,
    doing: str,
    clock: Clock,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Call `look` until it returns an empty text; what it returns else is what is still missing.

    That is told to `tell`, or else to whoever hears the clock's waits. NotReadyError with the last of it after
    `within`, or so many times longer as the clock says that things take. That the other side does not answer (yet)
    counts as missing.
    """
    began, limit, is_usual = clock.monotonic(), within.total_seconds(), True
    progress, pause = WaitProgress(tell or clock.tell or _nobody, doing, clock), _FIRST_PAUSE_SECONDS
    while missing := _missing(look):
        if is_usual and clock.monotonic() >= began + limit:
            slowness, is_usual = clock.slowness(), False
            limit *= slowness
            if slowness > 1:
                missing = f"{missing} (hosts are {slowness:.1f} times slower than usual ones: {limit:.0f} s at most)"
        if clock.monotonic() >= began + limit:
            raise NotReadyError(f"{doing}: not done after {limit:.0f} s: {missing}")
        progress.report(missing)
        clock.sleep(pause)
        pause = min(_PAUSE_SECONDS, pause * 2)


def _missing(look: Callable[[], str]) -> str:
    try:
        return look()
    except TRANSIENT as error:
        return str(error)


def asked_again(look: Callable[[], T]) -> T:
    """Return what `look` returns; if the other side was lost meanwhile, what it returns the second time.

    A connection that breaks once says nothing about the host. Only for what changes nothing: it may run twice.
    """
    try:
        return look()
    except UnreachableError:
        return look()
