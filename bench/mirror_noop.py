"""What a second `windlass mirror` costs, when there is nothing left to do."""

from __future__ import annotations

from collections.abc import Iterator

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.rounds import seconds
from bench.workbench import Workbench

ROUNDS = 5


@benchmark("mirror_noop_s")
def measure(bench: Workbench) -> Iterator[Figure]:
    """Fill the mirror once, untimed, then time the same command again."""
    bench.windlass("mirror")
    runs = tuple(seconds(lambda: bench.windlass("mirror")) for _ in range(ROUNDS))
    yield Figure("mirror_noop_s", "s", runs, Bar(2, may_equal=True))
