"""A flag of three API servers that changes, and a spec that is applied again: both on a cluster in use."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from bench.catalog import benchmark
from bench.changing import THREE, bring_to, changing_cluster, outcome, require
from bench.figure import Bar, Figure
from bench.lab_cluster import LabCluster
from bench.usage import Usage, used
from bench.workbench import Workbench

FLAG_ROUNDS, ROUNDS = 2, 5


@benchmark("flag_changed_s")
def measure_flag(bench: Workbench) -> Iterator[Figure]:
    """Change a flag of three API servers, there and back, beside a client that asks every 50 ms through a proxy."""
    stand = changing_cluster(bench.cleanup)
    bring_to(stand, THREE)
    rounds = [_changed(stand, str(number)) for number in range(3, 3 + FLAG_ROUNDS)]
    bring_to(stand, THREE)
    yield Figure("flag_changed_s", "s", tuple(took for took, _ in rounds), Bar(60, may_equal=True))
    failed = tuple(float(len(usage.failed)) for _, usage in rounds)
    # The worst round counts, not the median one.
    yield Figure("flag_changed_failed_requests", "requests", (max(failed),), Bar(0, may_equal=True))
    yield Figure("flag_changed_retried_requests", "requests", (float(max(len(one.retried) for _, one in rounds)),))


def _changed(stand: LabCluster, verbosity: str) -> tuple[float, Usage]:
    components = {"kube-apiserver": {"extraArgs": {"v": verbosity}}}
    with used(stand) as usage:
        took, run_id = bring_to(stand, THREE, components=components)
    steps = stand.airflow.xcom("apply_cluster", run_id, "result")["steps"]
    print(f"flag_changed_s: {took:.1f} s: {steps}", file=sys.stderr)
    require(sum("API server" in step for step in steps) == 3, f"three API servers change, one by one: {steps}")
    return took, usage


@benchmark("second_apply_s")
def measure_again(bench: Workbench) -> Iterator[Figure]:
    """Apply the spec that the cluster has, again and again; each time nothing may change."""
    stand = changing_cluster(bench.cleanup)
    bring_to(stand, THREE)
    yield Figure("second_apply_s", "s", tuple(_again(stand) for _ in range(ROUNDS)), Bar(5, may_equal=True))


def _again(stand: LabCluster) -> float:
    took, run_id = bring_to(stand, THREE)
    came_to = outcome(stand, run_id)
    require(came_to == "nothing", f"a second apply came to `{came_to}`")
    return took
