"""A task that runs into its time limit leaves lease and records as any other task that fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from windlass.domain.lease import Lease
from windlass.effects.store import ClusterRecords, ServiceLog
from windlass.effects.store.keys import lease_key
from windlass.errors import UnreachableError, WindlassError
from windlass.operations.rollout import upgrade
from world import World
from world.cases.upgrades import ASKED, BEFORE, NEW, create


@pytest.mark.parametrize("error", [UnreachableError("cp-1: gone"), AirflowTaskTimeout("Timeout, PID: 1")], ids=repr)
def test_the_lease_is_given_back_and_the_log_says_where_it_stopped(
    new: Callable[[str], World], error: BaseException
) -> None:
    world = new(BEFORE)
    create(world)
    run = world.begin("upgrade_cluster", **ASKED)

    def fail(*_: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upgrade, "do_step", fail)
        for task in world.tasks(run):
            try:
                world.execute(task, run)
            except (AirflowTaskTimeout, WindlassError):
                run.states[task.task_id] = "failed"

    assert {name: run.states[name] for name in ("roll_0", "release", "outcome")} == {
        "roll_0": "failed",
        "release": "success",
        "outcome": "failed",
    }
    lease = world.store.get(lease_key(world.name))
    assert lease is not None
    assert Lease.from_bytes(lease.data).released
    stopped = [one.text for one in ServiceLog(world.store, world.name).events() if "stopped at" in one.text]
    assert stopped
    assert all(str(error) in text for text in stopped)
    rollout = ClusterRecords(world.store, world.name).rollout()
    assert rollout is not None
    assert rollout.after == NEW
