"""How fast a failure is noticed by the watcher in the triggerer, and that nothing is noticed where nothing is wrong.

Noticed is what stands as a finding in the cluster's last observation in the store. WINDLASS_BENCH_SOAK_SECONDS says for
how long the loaded machine is watched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache
from typing import Any

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.standing import Standing, standing
from bench.workbench import Workbench
from windlass.domain.health.findings import Kind
from windlass.domain.secret import Secret
from windlass.effects.store import ClusterRecords, S3Store, ServiceLog, StoreConfig
from windlass.errors import NotReadyError
from windlass_lab.containers import container_name
from windlass_lab.docker import docker
from windlass_lab.model import BUCKET

ROUNDS = 5
SOAK_SECONDS = float(os.environ.get("WINDLASS_BENCH_SOAK_SECONDS", "600"))
_LOOK_SECONDS = 0.05
_LIMIT = timedelta(minutes=5)


@benchmark("notice_api_server_s")
def notice_api_server(bench: Workbench) -> Iterator[Figure]:
    """End an API server by `docker kill`, on one control-plane host after the other."""
    watched = _watched(bench.cleanup)
    times = tuple(watched.notice(f"cp-{1 + turn % 3}", "kube-apiserver") for turn in range(ROUNDS))
    yield Figure("notice_api_server_s", "s", times, Bar(8, may_equal=True))


@benchmark("notice_etcd_s")
def notice_etcd(bench: Workbench) -> Iterator[Figure]:
    """End an etcd member by `docker kill`, on one host after the other."""
    watched = _watched(bench.cleanup)
    times = tuple(watched.notice(f"cp-{1 + turn % 3}", "etcd") for turn in range(ROUNDS))
    yield Figure("notice_etcd_s", "s", times, Bar(18, may_equal=True))


@benchmark("watch_soak")
def soak(bench: Workbench) -> Iterator[Figure]:
    """Keep every core busy, and count what is taken for a failure that repair would act upon."""
    watched = _watched(bench.cleanup)
    with busy(os.cpu_count() or 1):
        time.sleep(SOAK_SECONDS)
    told = watched.false_findings()
    for line in told:
        print(f"watch_soak: {line}", file=sys.stderr)
    yield Figure("watch_soak_false_findings", "findings", (float(len(told)),), Bar(0, may_equal=True))


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep `count` processes computing."""
    spin = [sys.executable, "-c", "while True: pass"]
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen(spin))
            stack.callback(process.kill)
        yield


class Watched:
    """A cluster that is watched, with repair paused."""

    def __init__(self, stand: Standing) -> None:
        self._stand = stand
        s3 = stand.lab.s3_credentials()
        config = StoreConfig(BUCKET, "", stand.lab.s3_endpoint, "us-east-1", s3.access_key, Secret(s3.secret_key))
        self._store = S3Store(config)
        self._records = ClusterRecords(self._store, stand.cluster.name)
        self._read = len(self._log())

    def notice(self, host: str, component: str) -> float:
        """Kill a component's container; return the seconds until that is known, after it is mended."""
        container = f"windlass-{component}"
        self.until_healthy()
        began = time.monotonic()
        self._on(host, "docker", "kill", container)
        try:
            self._until(lambda: self._is_found(host, component), f"{component} on {host} is noticed")
            return time.monotonic() - began
        finally:
            self._on(host, "docker", "start", container)
            self.until_healthy()
            self._read = len(self._log())

    def until_healthy(self) -> None:
        """Wait until all is seen to be well."""
        self._until(self._is_healthy, "all is healthy")

    def false_findings(self) -> list[str]:
        """Return what was found since the last failure on purpose."""
        kinds = {kind.value.replace("_", " ") for kind in Kind}
        new = self._log()[self._read :]
        return [line for line in new if line.partition(":")[0] in kinds]

    def _log(self) -> list[str]:
        return [event.text for event in ServiceLog(self._store, self._records.cluster).newest(10_000)][::-1]

    def _is_found(self, host: str, component: str) -> bool:
        return any((one["host"], one["component"]) == (host, component) for one in self._status()["findings"])

    def _is_healthy(self) -> bool:
        status = self._status()
        subjects = status["subjects"]
        return bool(subjects) and not status["findings"] and all(one["status"] == "healthy" for one in subjects)

    def _status(self) -> dict[str, Any]:
        return dict(self._records.status() or {"subjects": [], "findings": []})

    def _on(self, host: str, *argv: str) -> None:
        docker("exec", container_name(self._stand.lab.name, host), *argv, host=host)

    def _until(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + _LIMIT.total_seconds()
        while not condition():
            if time.monotonic() > deadline:
                raise NotReadyError(f"not within {_LIMIT}: {what}")
            time.sleep(_LOOK_SECONDS)


@cache
def _watched(cleanup: ExitStack) -> Watched:
    """Return the cluster that all benchmarks here watch."""
    stand = cleanup.enter_context(standing("bench-notice"))
    stand.run("create_cluster", spec=stand.spec)
    for dag in ("watch_health", "heal_cluster"):
        stand.airflow.wait_for_dag(dag)
    stand.airflow.pause("heal_cluster")
    stand.airflow.unpause("watch_health")
    watched = Watched(stand)
    watched.until_healthy()
    return watched
