"""What all of Windlass and its Airflow need in memory while a cluster is created."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.lab_cluster import lab_cluster
from bench.workbench import Workbench

_SAMPLE_SECONDS = 0.5


@benchmark("memory_pss_mib")
def measure_memory(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it has its own lab)
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
