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
from datetime import UTC, datetime

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.watched import HOSTS, Watched, watched_cluster
from bench.workbench import Workbench

ROUNDS = 5
SOAK_SECONDS = float(os.environ.get("WINDLASS_BENCH_SOAK_SECONDS", "600"))


@benchmark("notice_api_server_s")
def notice_api_server(bench: Workbench) -> Iterator[Figure]:
    """End an API server by `docker kill`, on one control-plane host after the other."""
    yield Figure("notice_api_server_s", "s", _rounds(bench, "kube-apiserver"), Bar(8, may_equal=True))


@benchmark("notice_etcd_s")
def notice_etcd(bench: Workbench) -> Iterator[Figure]:
    """End an etcd member by `docker kill`, on one host after the other."""
    yield Figure("notice_etcd_s", "s", _rounds(bench, "etcd"), Bar(18, may_equal=True))


@benchmark("watch_soak")
def soak(bench: Workbench) -> Iterator[Figure]:
    """Keep every core busy, and count what is taken for a failure that remediation would act upon."""
    watched = watched_cluster(bench.cleanup)
    watched.repair(is_on=False)
    watched.until_calm()
    began = datetime.now(UTC)
    with busy(os.cpu_count() or 1):
        time.sleep(SOAK_SECONDS)
    told = [one.text for one in watched.events_since(began) if one.level == "error" and "finding" in one.details]
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


def _rounds(bench: Workbench, component: str) -> tuple[float, ...]:
    watched = watched_cluster(bench.cleanup)
    watched.repair(is_on=False)
    return tuple(_notice(watched, HOSTS[turn % len(HOSTS)], component) for turn in range(ROUNDS))


def _notice(watched: Watched, host: str, component: str) -> float:
    """Kill a component's container; return the seconds until that is known, after it is fixed."""
    container = f"windlass-{component}"
    watched.until_calm()
    began = time.monotonic()
    watched.on(host, f"docker kill {container}")
    try:
        watched.until(lambda: watched.is_found(host, component), f"{component} on {host} is noticed")
        return time.monotonic() - began
    finally:
        watched.on(host, f"docker start {container}")
        watched.until_calm()
