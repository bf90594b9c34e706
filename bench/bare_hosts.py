"""How long it takes from hosts with nothing but an SSH login to a cluster: Docker Engine, programs, images and all."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.lab_cluster import lab_cluster
from bench.workbench import Workbench

ROUNDS = 3


@benchmark("bare_hosts_s")
def measure(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it has its own lab)
    """Create on new bare hosts, several times."""
    times = [_one() for _ in range(ROUNDS)]
    yield Figure("bare_hosts_s", "s", tuple(ready for ready, _ in times), Bar(180, may_equal=True))
    yield Figure("bare_hosts_run_s", "s", tuple(ended for _, ended in times))


def _one() -> tuple[float, float]:
    """Return when the cluster was there, and when the run had verified it and ended."""
    with lab_cluster("bench-bare", bare=True) as stand:
        started = time.monotonic()
        run_id = stand.start("create_cluster", spec=stand.spec)
        stand.wait_for_cluster()
        ready = time.monotonic() - started
        stand.finish("create_cluster", run_id)
        return ready, time.monotonic() - started
