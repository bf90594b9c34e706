"""A cluster that is as its spec says: how long a second apply takes, and what all of it needs in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.lab_cluster import LabCluster, lab_cluster
from bench.workbench import Workbench
from windlass.errors import WindlassError

ROUNDS = 5
_SAMPLE_SECONDS = 0.5


@benchmark("second_apply_s")
def measure(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it has its own lab)
    """Create once, then apply the same spec again and again; each time nothing may change."""
    with lab_cluster("bench-apply") as stand:
        stand.run("create_cluster", spec=stand.spec)
        yield Figure("second_apply_s", "s", tuple(_again(stand) for _ in range(ROUNDS)), Bar(15, may_equal=True))


def _again(stand: LabCluster) -> float:
    took, run_id = stand.run("create_cluster", spec=stand.spec)
    said = stand.airflow.xcom("create_cluster", run_id, "record")
    if said != "create_cluster: nothing to change":
        raise WindlassError(f"a second apply changed something: {said}")
    return took


@benchmark("memory_pss_mib")
def measure_memory(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (as above)
    """Watch the memory while a cluster is created: its peak counts."""
    with lab_cluster("bench-memory") as stand:
        samples: list[float] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(_SAMPLE_SECONDS):
                samples.append(stand.pss_mebibytes())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            stand.run("create_cluster", spec=stand.spec)
        finally:
            done.set()
            watcher.join()
        yield Figure("memory_pss_mib", "MiB", (max(samples),), Bar(2560))
