"""Hosts that join and leave a cluster in use: from the request to Airflow's REST API to the end of the run.

Programs and images are on hosts that join before the time begins. The cluster is asked and written to meanwhile; a
write that was acknowledged and is lost is a failure.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.catalog import benchmark
from bench.changing import ONE, THREE, bring_to, changing_cluster, outcome, put_ready, require, workers
from bench.figure import Bar, Figure
from bench.lab_cluster import LabCluster
from bench.usage import api_credentials, used
from bench.workbench import Workbench
from windlass.domain.apply.readiness import is_ready
from windlass.domain.host.layout import API_PORT
from windlass.domain.rollout.disruption import leaves_with_drain
from windlass.effects.kubernetes.client import NODES, PODS, KubernetesClient
from windlass.errors import WindlassError

ROUNDS = 2
MORE = ("w-2", "w-3", "w-4")
_LOOK_SECONDS = 0.3


@benchmark("worker_added_s")
def measure_workers(bench: Workbench) -> Iterator[Figure]:
    """Add a worker, remove it, add three, remove them, in turn."""
    stand = changing_cluster(bench.cleanup)
    bring_to(stand, THREE)
    rounds = [_round(stand) for _ in range(ROUNDS)]
    yield Figure("worker_added_s", "s", tuple(one.added for one in rounds), Bar(25, may_equal=True))
    yield Figure("worker_added_ready_s", "s", tuple(one.ready for one in rounds))
    ratios = tuple(one.three_added / one.added for one in rounds)
    yield Figure("workers_3_vs_1", "times", ratios, Bar(1.3, may_equal=True))
    yield Figure("workers_3_added_s", "s", tuple(one.three_added for one in rounds))
    yield Figure("worker_removed_s", "s", tuple(one.removed - one.drain for one in rounds), Bar(20, may_equal=True))
    yield Figure("worker_removed_drain_s", "s", tuple(one.drain for one in rounds))


@benchmark("control_planes_1_to_3_s")
def measure_control_planes(bench: Workbench) -> Iterator[Figure]:
    """Two hosts of etcd and control plane join the first one; they leave before, untimed."""
    stand = changing_cluster(bench.cleanup)
    yield Figure(
        "control_planes_1_to_3_s", "s", tuple(_three_of_one(stand) for _ in range(ROUNDS)), Bar(90, may_equal=True)
    )


def _three_of_one(stand: LabCluster) -> float:
    bring_to(stand, ONE)
    put_ready(stand, ("cp-2", "cp-3"))
    with used(stand):
        took, run_id = bring_to(stand, THREE)
    require(outcome(stand, run_id) == "done", f"{run_id} has done nothing")
    return took


@dataclass(frozen=True)
class _Round:
    added: float
    ready: float
    """Seconds until the node was Ready."""
    removed: float
    drain: float
    """Seconds of that in which pods were waited for."""
    three_added: float


def _round(stand: LabCluster) -> _Round:
    put_ready(stand, MORE[:1])
    with used(stand), _watched(stand, MORE[0]) as added_node:
        added, _ = bring_to(stand, workers(MORE[0]))
    with used(stand), _watched(stand, MORE[0]) as removed_node:
        removed, _ = bring_to(stand, THREE)
    put_ready(stand, MORE)
    with used(stand):
        three_added, _ = bring_to(stand, workers(*MORE))
    bring_to(stand, THREE)
    require(added_node.ready, f"{MORE[0]} was never Ready")
    require(removed_node.cordoned and removed_node.is_gone, f"{MORE[0]} has not left")
    drain = max(0.0, removed_node.drained - removed_node.cordoned)
    return _Round(added, added_node.ready, removed, drain, three_added)


@dataclass
class _Node:
    """When what was observed of a node, in seconds since the request; 0 where it never was."""

    ready: float = 0.0
    cordoned: float = 0.0
    drained: float = 0.0
    """Since when no pod was on the node that leaves it with a drain."""
    is_gone: bool = False

    def note(self, found: dict[str, Any] | None, count_pods: Callable[[], int], at: float) -> None:
        """Take in what the API says of the node now."""
        self.is_gone = found is None
        if found is None:
            self.drained = self.drained or (at if self.cordoned else 0.0)
            return
        if is_ready(found):
            self.ready = self.ready or at
        if found["spec"].get("unschedulable"):
            self.cordoned = self.cordoned or at
        if self.cordoned and not self.drained and not count_pods():
            self.drained = at


@contextmanager
def _watched(stand: LabCluster, name: str) -> Iterator[_Node]:
    """Look at a node again and again within the block, which begins with the request."""
    node, ended, began = _Node(), threading.Event(), time.monotonic()
    with KubernetesClient(stand.lab.host("cp-1").address, API_PORT, api_credentials(stand)) as client:

        def count_pods() -> int:
            return sum(map(leaves_with_drain, client.list(PODS, fields=f"spec.nodeName={name}")))

        def watch() -> None:
            while not ended.wait(_LOOK_SECONDS):
                try:
                    node.note(client.get(NODES, name), count_pods, time.monotonic() - began)
                except WindlassError:  # its API server restarts
                    continue

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield node
        finally:
            ended.set()
            watcher.join()
