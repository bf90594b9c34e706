"""Wait for something with a deadline, and say what was still missing when time ran out."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from windlass.errors import NotReadyError, UnreachableError

_PAUSE_SECONDS = 0.5


def wait_until(look: Callable[[], str], within: timedelta, doing: str) -> None:
    """Call `look` until it returns an empty text; what it returns else is what is still missing.

    NotReadyError with the last of that after `within`. That the other side does not answer (yet) counts as missing.
    """
    deadline = time.monotonic() + within.total_seconds()
    while True:
        try:
            missing = look()
        except (NotReadyError, UnreachableError) as error:
            missing = str(error)
        if not missing:
            return
        if time.monotonic() >= deadline:
            raise NotReadyError(f"{doing}: not done after {within.total_seconds():.0f} s: {missing}")
        time.sleep(_PAUSE_SECONDS)
