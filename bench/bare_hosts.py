"""How long it takes from hosts with nothing but an SSH login to a cluster: Docker Engine, programs, images and all."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.lab_cluster import lab_cluster
from bench.workbench import Workbench
from windlass_lab.demo_plan import HOSTS

ROUNDS = 3
_ALL_ROLES = ("etcd", "control-plane", "worker")


@benchmark("bare_hosts_s")
def measure(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it has its own lab)
    """Create on a new bare host, and on the 3 + 1 hosts of the demo at once, several times."""
    alone = [_one(HOSTS[:1]) for _ in range(ROUNDS)]
    yield Figure("bare_host_s", "s", tuple(ready for ready, _ in alone), Bar(60, may_equal=True))
    yield Figure("bare_host_run_s", "s", tuple(ended for _, ended in alone))
    together = [_one(HOSTS) for _ in range(ROUNDS)]
    yield Figure("bare_hosts_s", "s", tuple(ready for ready, _ in together))
    yield Figure("bare_hosts_run_s", "s", tuple(ended for _, ended in together))


def _one(hosts: tuple[str, ...]) -> tuple[float, float]:
    """Return when the cluster was there, and when the run had verified it and ended."""
    with lab_cluster("bench-bare", bare=True, hosts=hosts) as stand:
        spec = stand.spec if hosts == HOSTS else stand.spec_with(dict.fromkeys(hosts, _ALL_ROLES))
        started = time.monotonic()
        run_id = stand.start("create_cluster", spec=spec)
        stand.wait_for_cluster()
        ready = time.monotonic() - started
        stand.finish("create_cluster", run_id)
        return ready, time.monotonic() - started
