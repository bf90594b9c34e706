"""From where each host is looked at: up to three other hosts, spread evenly, and the same ones at each start."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

VANTAGES = 3
"""From how many other hosts one thing is looked at, at most."""


def vantages_of(host: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Return the hosts out of `candidates` that look at `host`, the one that looks all the time first.

    The candidates stand in a ring in the order of a hash of their names, and the next three look: each of n hosts
    then leads for one other, and a host that comes or goes changes it for its neighbours only.
    """
    ring = sorted({*candidates, host}, key=_place)
    here = ring.index(host)
    return tuple((ring[here + 1 :] + ring[:here])[:VANTAGES])


def _place(name: str) -> tuple[bytes, str]:
    return hashlib.sha256(name.encode()).digest(), name
