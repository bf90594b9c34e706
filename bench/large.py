"""Backups and recoveries of a database of 340 MB that does not compress."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from bench.api_writes import slowdown
from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.inside import large_cluster
from bench.lab_cluster import LabCluster
from bench.opened import secrets_line
from bench.recovery import recover
from bench.workbench import Workbench

ROUNDS = 3
RECOVERIES = 2


@benchmark("backup_340mb")
def measure_backup(bench: Workbench) -> Iterator[Figure]:
    """Take bundles, each in a process of its own."""
    stand = large_cluster(bench.cleanup)
    found = [_take_alone(stand) for _ in range(ROUNDS)]
    yield Figure("backup_340mb_s", "s", tuple(one["seconds"] for one in found), Bar(15, may_equal=True))
    yield Figure("backup_340mb_mb", "MB", tuple(one["megabytes"] for one in found), Bar(300, may_equal=True))
    yield slowdown(stand, "write_p99_beside_340mb_snapshots")


@benchmark("recovery_340mb_s")
def measure_recovery(bench: Workbench) -> Iterator[Figure]:
    """Lose all members, and recover the cluster from its newest bundle."""
    stand = large_cluster(bench.cleanup)
    yield Figure("recovery_340mb_s", "s", tuple(recover(stand) for _ in range(RECOVERIES)), Bar(75, may_equal=True))


def _take_alone(stand: LabCluster) -> dict[str, float]:
    """Take a bundle in a new process, and return how long that took and how much memory the process had at most."""
    argv = [sys.executable, "-m", "bench.backup_alone", stand.lab.name]
    secrets = secrets_line(stand.master_key, stand.spec)
    done = subprocess.run(argv, input=secrets, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"backup_340mb: {found}", file=sys.stderr)
    return found
