"""Faults at random, one after another and up to four at once, while somebody writes: it all ends healthy.

`make soak FAULTS=200 SEED=7` says how many and which; the same seed gives the same faults in the same order. One that
broke off goes on at any of them with `FROM=57`, as its last lines say.
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
from e2e.ground import Ground
from e2e.remediation import wait_until_calm, wait_until_well, wrong_acts

pytestmark = [pytest.mark.full, pytest.mark.timeout(4 * 3600)]

FAULTS = int(os.environ.get("FAULTS", "20"))
SEED = int(os.environ.get("SEED", "1"))
FROM = int(os.environ.get("FROM", "1"))
MOST_AT_ONCE = 4
LASTS_SECONDS = (8, 20)
log = logging.getLogger(__name__)


def batches(seed: int, count: int) -> Iterator[list[Fault]]:
    """Yield `count` faults in groups that etcd survives: each on another host, one at most that touches a member."""
    dice, faults, left = random.Random(seed), all_faults(), count  # noqa: S311 - to be repeated, not to be secret
    while left > 0:
        desired, batch = min(left, dice.randint(1, MOST_AT_ONCE)), []
        for fault in dice.sample(faults, len(faults)):
            is_free = fault.host not in {one.host for one in batch}
            if is_free and not (fault.touches_etcd and any(one.touches_etcd for one in batch)):
                batch.append(fault)
            if len(batch) == desired:
                break
        left -= len(batch)
        yield batch


def numbered(seed: int, count: int, first: int = 1) -> Iterator[tuple[int, list[Fault]]]:
    """Yield the groups with the number of the first fault of each, from the group that fault `first` is in."""
    number = 1
    for batch in batches(seed, count):
        if number + len(batch) > first:
            yield number, batch
        number += len(batch)


def test_the_same_seed_gives_the_same_faults() -> None:
    def told(seed: int) -> list[list[str]]:
        return [[str(fault) for fault in batch] for batch in batches(seed, 30)]

    assert told(7) == told(7)
    assert told(7) != told(8)
    assert sum(map(len, told(7))) == 30
    assert all(sum(one.touches_etcd for one in batch) <= 1 for batch in batches(7, 200))


def test_a_soak_that_broke_off_goes_on_with_the_same_faults() -> None:
    whole = [(number, list(map(str, batch))) for number, batch in numbered(7, 60)]
    for number, batch in whole:
        for first in range(number, number + len(batch)):
            rest = [(number, list(map(str, batch))) for number, batch in numbered(7, 60, first)]
            assert rest == whole[whole.index((number, batch)) :]


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


def test_faults_at_random_end_healthy_and_nothing_healthy_is_touched(cluster: Ground) -> None:
    spec = cluster.spec(repair={"tries": 50})
    if cluster.records.spec() != spec:
        cluster.apply(spec).succeeded()
    dice = random.Random(SEED)  # noqa: S311 - as above
    with cluster.watched(), writer(cluster, pause_seconds=0.5) as writing:
        for number, batch in numbered(SEED, FAULTS, FROM):
            began, told = datetime.now(UTC), "; ".join(str(fault) for fault in batch)
            log.warning("%d of %d: %s (to go on from here: SEED=%d FROM=%d)", number, FAULTS, told, SEED, number)
            befall(cluster, batch, dice)
            wait_until_well(cluster, timedelta(minutes=6))
            log.warning("well after %.0f s", (datetime.now(UTC) - began).total_seconds())
            wrong = wrong_acts(cluster, began, batch)
            assert wrong == set(), f"healthy things were touched: {wrong} after {told}"
        wait_until_calm(cluster)
        wait_until_well(cluster)
    check(cluster, writing)
