"""What backups of a small cluster cost: a run, a drill, and the writes beside a snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from bench.api_writes import slowdown
from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.inside import small_cluster
from bench.workbench import Workbench

ROUNDS = 3
DRILLS = 2


@benchmark("backup_small")
def measure(bench: Workbench) -> Iterator[Figure]:
    """Take bundles of a new cluster by runs of etcd_backup, and prove the newest by runs of restore_drill."""
    stand = small_cluster(bench.cleanup)
    runs = tuple(stand.run("etcd_backup")[0] for _ in range(ROUNDS))
    yield Figure("backup_run_s", "s", runs, Bar(10, may_equal=True))
    drills = tuple(stand.run("restore_drill")[0] for _ in range(DRILLS))
    yield Figure("drill_run_s", "s", drills, Bar(60, may_equal=True))
    yield slowdown(stand, "write_p99_beside_snapshots")
