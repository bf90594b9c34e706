"""Faults at random, one after another and up to three at once, while somebody writes: it all ends healthy.

`make soak FAULTS=200 SEED=7` says how many and which; the same seed gives the same faults in the same order.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from e2e.breaking import Fault, all_faults
from e2e.etcd import check, writer
from e2e.ground import CLUSTER, Ground
from e2e.healing import wait_until_calm, wait_until_well
from windlass.effects.store import ServiceLog

pytestmark = [pytest.mark.full, pytest.mark.timeout(4 * 3600)]

FAULTS = int(os.environ.get("FAULTS", "20"))
SEED = int(os.environ.get("SEED", "1"))
MOST_AT_ONCE = 3
LASTS_SECONDS = (8, 20)
log = logging.getLogger(__name__)


def batches(seed: int, count: int) -> Iterator[list[Fault]]:
    """Yield `count` faults in groups that etcd survives: each on another host, one at most that touches a member."""
    dice, faults, left = random.Random(seed), all_faults(), count  # noqa: S311 - to be repeated, not to be secret
    while left > 0:
        wanted, batch = min(left, dice.randint(1, MOST_AT_ONCE)), []
        for fault in dice.sample(faults, len(faults)):
            is_free = fault.host not in {one.host for one in batch}
            if is_free and not (fault.touches_etcd and any(one.touches_etcd for one in batch)):
                batch.append(fault)
            if len(batch) == wanted:
                break
        left -= len(batch)
        yield batch


def test_the_same_seed_gives_the_same_faults() -> None:
    def told(seed: int) -> list[list[str]]:
        return [[str(fault) for fault in batch] for batch in batches(seed, 30)]

    assert told(7) == told(7)
    assert told(7) != told(8)
    assert sum(map(len, told(7))) == 30
    assert all(sum(one.touches_etcd for one in batch) <= 1 for batch in batches(7, 200))


def befall(ground: Ground, batch: Sequence[Fault], dice: random.Random) -> None:
    """Begin all faults of a group, and end those that nobody on the host could end."""
    for fault in batch:
        fault.begin(ground)
    lasting = [fault for fault in batch if fault.end is not None]
    if lasting:
        time.sleep(dice.uniform(*LASTS_SECONDS))
    for fault in lasting:
        if fault.end is not None:
            fault.end(ground)


def acts_since(ground: Ground, began: datetime) -> set[str]:
    """Return what repair has acted on since, each as `host/thing`."""
    events = ServiceLog(ground.store, CLUSTER).newest(100)
    return {f"{one.host}/{one.component}" for one in events if one.time >= began and "act" in one.details}


def may_touch(batch: Sequence[Fault], act: str) -> bool:
    """Say whether it was right to act on this: it, or the whole host, was broken."""
    host, _, thing = act.partition("/")
    mine = [fault for fault in batch if fault.host == host]
    return any(fault.end is not None or thing in fault.what.split() or thing == "files" for fault in mine)


def test_faults_at_random_end_healthy_and_nothing_healthy_is_touched(cluster: Ground) -> None:
    spec = cluster.spec(repair={"tries": 20})
    if cluster.records.spec() != spec:
        cluster.apply(spec).succeeded()
    dice, done = random.Random(SEED), 0  # noqa: S311 - as above
    with cluster.watched(), writer(cluster) as writing:
        for batch in batches(SEED, FAULTS):
            began = datetime.now(UTC)
            done += len(batch)
            log.warning("%d of %d: %s", done, FAULTS, "; ".join(str(fault) for fault in batch))
            befall(cluster, batch, dice)
            wait_until_well(cluster, timedelta(minutes=6))
            log.warning("well after %.0f s", (datetime.now(UTC) - began).total_seconds())
            wrong = {act for act in acts_since(cluster, began) if not may_touch(batch, act)}
            assert wrong == set(), f"healthy things were touched: {wrong} after {[str(one) for one in batch]}"
        wait_until_calm(cluster)
        wait_until_well(cluster)
    check(cluster, writing)
