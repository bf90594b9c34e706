"""How much slower hosts compute than usual ones, and so how much longer they are waited for."""

from __future__ import annotations

from collections.abc import Iterable

USUAL_MILLISECONDS = 200
"""What the computation of `measure-speed` takes at most on a usual machine: 10 to 40 ms, and more beside other work."""
MOST = 10.0
"""However slow a host is: what is broken there is to be called so some time."""


def slowness(milliseconds: Iterable[int]) -> float:
    """Return how many times longer than usual things may take, from what the computation took on each host.

    The slowest host decides; 1 where all are usual ones, or none could tell.
    """
    return min(MOST, max([1.0, *(taken / USUAL_MILLISECONDS for taken in milliseconds)]))
