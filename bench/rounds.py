"""How things are timed: with a steady clock, and peers in turn, so that both see the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(act: Callable[[], object]) -> float:
    """Return how long `act` takes."""
    started = time.monotonic()
    act()
    return time.monotonic() - started


def alternate(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Measure both `rounds` times, changing who goes first, and return the values of each."""
    our_values, their_values = [], []
    for number in range(rounds):
        if number % 2 == 0:
            our_values.append(ours())
            their_values.append(theirs())
        else:
            their_values.append(theirs())
            our_values.append(ours())
    return tuple(our_values), tuple(their_values)
