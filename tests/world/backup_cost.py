"""What one scheduled backup costs beside Airflow and etcd: requests to the store and processor time, as JSON.

    python -m world.backup_cost

A cluster of two hosts with many bundles, in memory: what a run asks of the store does not depend on what answers.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from typing import Any

import pytest
import structlog

from world import World
from world.specs import SMALL

RUNS = 12
REQUESTS = ("get", "put", "create", "replace", "create_from", "delete", "list", "list_names")


def main() -> None:
    """Print what a run of etcd_backup costs, and of backup_dispatch for each cluster where nothing is due."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with pytest.MonkeyPatch.context() as patch:
        world = World(SMALL)
        world.install(patch)
        world.run("create_cluster", spec=SMALL)
        counted = _counted(world)
        for _ in range(RUNS):  # so that there are bundles to look at
            _due(world)
        backups, looks = [], []
        for _ in range(RUNS):
            backups.append(_cost(counted, lambda: _due(world)))
            looks.append(_cost(counted, lambda: world.run_by_schedule("backup_dispatch")))
    print(json.dumps({"run": _middle(backups), "look": _middle(looks)}))  # noqa: T201


def _due(world: World) -> None:
    world.clock.sleep(timedelta(minutes=5).total_seconds())
    world.reopen()
    states = world.run("etcd_backup").states
    assert set(states.values()) == {"success"}, states


def _counted(world: World) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name in REQUESTS:
        setattr(world.bucket, name, _counting(getattr(world.bucket, name), name, counts))
    return counts


def _counting(call: Callable[..., Any], name: str, counts: Counter[str]) -> Callable[..., Any]:
    def counted(*given: Any, **named: Any) -> Any:
        counts[name] += 1
        return call(*given, **named)

    return counted


def _cost(counts: Counter[str], act: Callable[[], object]) -> dict[str, float]:
    counts.clear()
    began = time.process_time()
    act()
    return {"cpu_ms": 1000 * (time.process_time() - began), "requests": counts.total(), **counts}


def _middle(costs: list[dict[str, float]]) -> dict[str, float]:
    names = {name for cost in costs for name in cost}
    return {name: round(median(cost.get(name, 0) for cost in costs), 1) for name in sorted(names)}


if __name__ == "__main__":
    main()
