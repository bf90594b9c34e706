"""disaster_recovery and restore_drill are killed before and after everything that they change.

A run that dies is followed by a whole one at every so many of the places only.
"""

from __future__ import annotations

from world import World
from world.kills import Case
from world.specs import SMALL, THREE

NAMESPACE = ("namespaces", "", "kept")
LATER = ("namespaces", "", "lost")
ASKED = {"auto_approve": True, "overwrite_healthy": True, "confirm_name": "demo"}
"""A run after one that died meets a cluster that lives again, and is told to go on all the same."""


def back_up(world: World, spec: str = SMALL) -> None:
    """Have a bundle of a cluster with an object of the user's, and another object that came later."""
    world.run("create_cluster", spec=spec)
    world.etcd.objects[NAMESPACE] = {"metadata": {"name": "kept", "uid": "1"}}
    world.etcd.objects["secrets", "kept", "word"] = {"metadata": {"name": "word", "namespace": "kept", "uid": "2"}}
    world.run("etcd_backup")
    world.etcd.objects[LATER] = {"metadata": {"name": "lost", "uid": "3"}}


def damage(world: World) -> None:
    """Have the only member's data be damaged."""
    back_up(world)
    world.machines["cp-1"].damage()


def lose_quorum(world: World) -> None:
    """Have two of three members be damaged."""
    back_up(world, THREE)
    for name in ("cp-1", "cp-3"):
        world.machines[name].damage()


def is_back(world: World) -> bool:
    objects = world.state()["kubernetes"]
    return NAMESPACE in objects and LATER not in objects


def is_proven(world: World) -> bool:
    _, _, proven = world.state()["bundles"]
    return bool(proven)


CASES = {
    "recover": Case(SMALL, "disaster_recovery", ASKED, damage, is_back, stride=17),
    "recover three members": Case(THREE, "disaster_recovery", ASKED, lose_quorum, is_back, stride=23),
    "drill": Case(SMALL, "restore_drill", {}, back_up, is_proven, stride=3),
}
