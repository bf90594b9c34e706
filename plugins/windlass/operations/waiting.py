"""Wait for something with a deadline, and say what was still missing when time ran out; or ask just once more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from windlass.effects.clock import Clock
from windlass.errors import TRANSIENT, NotReadyError, UnreachableError

T = TypeVar("T")

_PAUSE_SECONDS = 0.5


def wait_until(look: Callable[[], str], within: timedelta, doing: str, clock: Clock) -> None:
    """Call `look` until it returns an empty text; what it returns else is what is still missing.

    NotReadyError with the last of that after `within`. That the other side does not answer (yet) counts as missing.
    """
    deadline = clock.monotonic() + within.total_seconds()
    while True:
        try:
            missing = look()
        except TRANSIENT as error:
            missing = str(error)
        if not missing:
            return
        if clock.monotonic() >= deadline:
            raise NotReadyError(f"{doing}: not done after {within.total_seconds():.0f} s: {missing}")
        clock.sleep(_PAUSE_SECONDS)


def asked_again(look: Callable[[], T]) -> T:
    """Return what `look` returns; if the other side was lost meanwhile, what it returns the second time.

    A connection that breaks once says nothing about the host. Only for what changes nothing: it may run twice.
    """
    try:
        return look()
    except UnreachableError:
        return look()
