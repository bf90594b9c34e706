"""How long it takes until four lab hosts are ready, once their image exists."""

from __future__ import annotations

from collections.abc import Iterator

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.rounds import seconds
from bench.workbench import Workbench

ROUNDS = 3
NAME = "bench-ready"


@benchmark("lab_ready_s")
def measure(bench: Workbench) -> Iterator[Figure]:
    """Time the whole command, services included; the workbench's own lab keeps engine and image up meanwhile."""
    bench.keep_lab_up()
    bench.windlass("lab", "down", "--name", NAME)
    yield Figure("lab_ready_s", "s", tuple(_one(bench) for _ in range(ROUNDS)), Bar(10, may_equal=True))


def _one(bench: Workbench) -> float:
    try:
        return seconds(lambda: bench.windlass("lab", "up", "--name", NAME, "--hosts", "4"))
    finally:
        bench.windlass("lab", "down", "--name", NAME)
