"""What backups cost: a run, the time and memory of a large one, what a snapshot costs API writes, and a drill."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.inside import fill, inside, keys_of
from bench.standing import Standing, standing
from bench.workbench import Workbench
from windlass.domain.rendering.layout import API_PORT
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.errors import WindlassError
from windlass.operations.backup.members import etcd_members
from windlass.operations.cluster_api import credentials_of

ROUNDS = 3
WRITES = 400


@benchmark("backup_small")
def measure_small(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it has its own lab)
    """Take bundles of a new cluster by runs of etcd_backup, and prove one by a run of restore_drill."""
    with standing("bench-backup") as stand:
        stand.run("create_cluster", spec=stand.spec)
        runs = tuple(stand.run("etcd_backup")[0] for _ in range(ROUNDS))
        yield Figure("backup_run_s", "s", runs, Bar(10, may_equal=True))
        drills = tuple(stand.run("restore_drill")[0] for _ in range(ROUNDS))
        yield Figure("drill_run_s", "s", drills, Bar(60, may_equal=True))
        yield _slowdown(stand, "write_p99_beside_snapshots")


@benchmark("backup_340mb")
def measure_large(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (as above)
    """Take bundles of a database of 340 MB that does not compress, each in a process of its own."""
    with standing("bench-backup-large") as stand:
        stand.run("create_cluster", spec=stand.spec)
        fill(stand)
        found = [_take_alone(stand) for _ in range(ROUNDS)]
        yield Figure("backup_340mb_s", "s", tuple(one["seconds"] for one in found), Bar(15, may_equal=True))
        yield Figure("backup_340mb_mb", "MB", tuple(one["megabytes"] for one in found), Bar(300, may_equal=True))
        yield _slowdown(stand, "write_p99_beside_340mb_snapshots")


def _take_alone(stand: Standing) -> dict[str, float]:
    """Take a bundle in a new process, and return how long that took and how much memory the process had at most."""
    secrets = json.dumps({"key": keys_of(stand).keys[0].key.reveal(), "spec": stand.spec}).encode()
    argv = [sys.executable, "-m", "bench.backup_alone", stand.lab.name]
    done = subprocess.run(argv, input=secrets, capture_output=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _slowdown(stand: Standing, name: str) -> Figure:
    """Compare the 99th percentile of API writes while one snapshot follows another with that without any."""
    ratios = []
    for _ in range(ROUNDS):
        without = _p99_of_writes(stand)
        with _snapshots(stand):
            ratios.append(_p99_of_writes(stand) / without)
    return Figure(name, "times", tuple(ratios), Bar(1.5))


def _p99_of_writes(stand: Standing) -> float:
    with inside(stand) as (_, pki):
        client = KubernetesClient(stand.lab.hosts[0].address, API_PORT, credentials_of(pki))
    with client:
        took = [_write(client, number) for number in range(WRITES)]
    return statistics.quantiles(took, n=100)[98] * 1000


def _write(client: KubernetesClient, number: int) -> float:
    meta = {"name": f"bench-{number % 20}", "namespace": "default"}
    written: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"n": str(number)}}
    begun = time.monotonic()
    client.apply(written)
    return time.monotonic() - begun


class _Nowhere:
    """Takes a snapshot and keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)


@contextmanager
def _snapshots(stand: Standing) -> Iterator[None]:
    """Take one snapshot after another, as backups do, from a follower."""
    over, taken = threading.Event(), 0

    def take() -> None:
        nonlocal taken
        with inside(stand) as (site, pki), etcd_members(site, pki) as members:
            follower = next(name for name, status in members.statuses.items() if not status.is_leader)
            while not over.is_set():
                members.clients[follower].snapshot(_Nowhere())  # type: ignore[arg-type]  # it only writes
                taken += 1

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if not taken:
        raise WindlassError("no snapshot was taken beside the writes: what was measured says nothing")
