"""How many certificates one person gets of one cluster: a few laptops need few, a loop that went wrong gets no more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from windlass.errors import RefusedError

MOST = 20
WINDOW = timedelta(minutes=10)


class TooManyCredentialsError(RefusedError):
    """Somebody asked for more certificates than anybody needs; `wait` says when there is one again."""

    def __init__(self, message: str, wait: timedelta) -> None:
        super().__init__(message)
        self.wait = wait


def admit(earlier: Iterable[datetime], now: datetime) -> tuple[datetime, ...]:
    """Return the times at which somebody was given a certificate lately, with `now`; oldest first.

    TooManyCredentialsError if they were given `MOST` within `WINDOW`. What lies in the future, by another machine's
    clock, counts as given now.
    """
    recent = sorted(min(time, now) for time in earlier if now - time < WINDOW)
    if len(recent) >= MOST:
        wait = recent[-MOST] + WINDOW - now
        raise TooManyCredentialsError(
            f"{len(recent)} certificates within {WINDOW.total_seconds() / 60:.0f} minutes are enough; "
            f"wait {wait.total_seconds():.0f} s, and see what asks so often (a laptop keeps its own until its end)",
            wait,
        )
    return (*recent, now)
