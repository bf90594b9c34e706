"""upgrade_cluster and catalog_watch are killed before and after everything that they change."""

from __future__ import annotations

from windlass.effects.store import ServiceLog
from windlass.effects.store.keys import offer_key
from world import World
from world.kills import Case
from world.specs import SMALL

OLD, NEW = "v1.36.3", "v1.37.2"
BEFORE = SMALL.replace(NEW, OLD)
ASKED = {"version": NEW, "auto_approve": True, "allow_untested": True}
ENDS = frozenset({("verify", "store"), ("check", "store")})


def create(world: World) -> None:
    world.run("create_cluster", spec=BEFORE)


def runs_new(world: World) -> bool:
    nodes = [one for (plural, _, _), one in world.etcd.objects.items() if plural == "nodes"]
    kubelets = {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}
    closed = [node for node in nodes if node["spec"].get("unschedulable")]
    return kubelets == {NEW} and world.machines["cp-1"].version("kube-apiserver") == NEW and not closed


def is_told(world: World) -> bool:
    told = [event for event in ServiceLog(world.store, world.name).events() if event.operation == "catalog_watch"]
    return bool(told) and offer_key(world.name, NEW) in world.store.objects


CASES = {
    "upgrade": Case(BEFORE, "upgrade_cluster", ASKED, create, runs_new, stride=97, always=ENDS),
    "tell of a release": Case(BEFORE, "catalog_watch", {}, create, is_told, stride=1),
}
