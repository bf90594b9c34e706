"""The time, and waiting: whoever works with a cluster has both from one value, so that a test can give its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """What time it is, and how to let it pass; by default this machine's own."""

    now: Callable[[], datetime] = _utc_now
    """The time of day, in UTC; it may jump when the machine's clock is set."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds since some moment; never goes back, so that deadlines are made of it."""
    sleep: Callable[[float], None] = time.sleep
    """Waits so many seconds."""
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait
    """Waits for an event, but no longer than so many seconds; whether it has come."""
    tell: Callable[[str], None] | None = None
    """Hears what is waited for; None where nobody does."""
    slowness: Callable[[], float] = lambda: 1.0
    """How many times longer than usual things take where they are waited for; asked when a time limit is reached."""


SYSTEM_CLOCK = Clock()
