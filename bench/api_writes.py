"""What snapshots cost those who write to the API meanwhile."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from bench.figure import Bar, Figure
from bench.inside import inside
from bench.lab_cluster import LabCluster
from bench.opened import secrets_line
from windlass.domain.host.layout import API_PORT
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.errors import WindlassError
from windlass.operations.cluster_api import credentials_of

ROUNDS = 3
WRITES, WARM_UP = 400, 30
_CONFIG_MAPS = Resource("v1", "configmaps", namespaced=True)


def slowdown(stand: LabCluster, name: str) -> Figure:
    """Compare the 99th percentile of API writes while one snapshot follows another with that without any."""
    ratios = []
    with inside(stand) as (_, pki):
        credentials = credentials_of(pki)
    with KubernetesClient(stand.lab.hosts[0].address, API_PORT, credentials) as client:
        for _ in range(ROUNDS):
            without = _p99_of_writes(client)
            with _snapshots(stand):
                beside = _p99_of_writes(client)
            print(f"{name}: {without * 1000:.1f} ms without, {beside * 1000:.1f} ms beside them", file=sys.stderr)
            ratios.append(beside / without)
    return Figure(name, "times", tuple(ratios), Bar(1.5))


def _p99_of_writes(client: KubernetesClient) -> float:
    took = [_write(client) for _ in range(WARM_UP + WRITES)][WARM_UP:]
    return statistics.quantiles(took, n=100)[98]


def _write(client: KubernetesClient) -> float:
    meta = {"name": f"bench-{uuid.uuid4().hex}", "namespace": "default"}
    written: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    begun = time.monotonic()
    client.create(_CONFIG_MAPS, written)
    return time.monotonic() - begun


@contextmanager
def _snapshots(stand: LabCluster) -> Iterator[None]:
    argv = [sys.executable, "-m", "bench.snapshots", stand.lab.name]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        told, telling = _pipes(process)
        told.write(secrets_line(stand.master_key, stand.spec))
        told.flush()
        if telling.readline() != b"ready\n":
            raise WindlassError("no snapshots could be taken: see above")
        try:
            yield
        finally:
            told.close()
            taken = telling.read()
    if not taken.strip() or int(taken) == 0:
        raise WindlassError("no snapshot was taken beside the writes: what was measured says nothing")


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise WindlassError("the process that takes snapshots has no pipes")
    return process.stdin, process.stdout
