"""etcd_backup is killed before and after everything that it changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

from windlass.effects.bundles import Vault
from world import World
from world.etcd import DATA, QUOTA_BYTES
from world.kills import Case
from world.specs import SMALL


def create(world: World) -> None:
    world.run("create_cluster", spec=SMALL)


def hold_old_bundles(world: World) -> None:
    """Have three bundles of one hour, three days ago, of which one is to stay."""
    create(world)
    since_half_past = timedelta(minutes=world.clock.now(UTC).minute - 30)
    for later in (timedelta(), timedelta(minutes=1), timedelta(minutes=2)):
        world.clock.set_back(timedelta(days=3) + since_half_past - later)
        world.run("etcd_backup")
    world.clock.set_back(timedelta())


def fill(world: World) -> None:
    """Have etcd use all of its quota, and stop writes."""
    create(world)
    machine = world.machines["cp-1"]
    machine.data[DATA] = replace(machine.data[DATA], size=QUOTA_BYTES)
    world.etcd.clusters[machine.data[DATA].cluster].alarms.add((machine.data[DATA].member, 1))


def bundles(world: World) -> int:
    return len(Vault(world.store, world.name, world.keys).inventory().bundles)


def is_in_order(world: World) -> bool:
    return bundles(world) == 1 and not world.state()["etcd"]["alarms"]


CASES = {
    "back up": Case(SMALL, "etcd_backup", {}, create, lambda world: bundles(world) == 1, stride=2),
    "expire": Case(SMALL, "etcd_backup", {}, hold_old_bundles, lambda world: bundles(world) == 2, stride=2),
    "make room": Case(SMALL, "etcd_backup", {}, fill, is_in_order, stride=2),
}
