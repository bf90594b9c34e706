"""upgrade_cluster, pause_upgrade and catalog_watch are killed before and after everything that they change."""

from __future__ import annotations

from windlass.domain.rollout.hooks import HOOKS_MARK, hooks_mark
from windlass.domain.spec import load_cluster
from windlass.effects.store import ClusterRecords, ServiceLog
from windlass.effects.store.keys import offer_key
from world import World
from world.kills import Case
from world.specs import SMALL

OLD, NEW = "v1.36.3", "v1.37.2"
BEFORE = SMALL.replace(NEW, OLD)
ASKED = {"version": NEW, "auto_approve": True, "allow_untested": True}
ENDS = frozenset({("verify", "store"), ("confirm", "store")})


def create(world: World) -> None:
    world.run("create_cluster", spec=BEFORE)


def runs_new(world: World) -> bool:
    nodes = [one for (plural, _, _), one in world.etcd.objects.items() if plural == "nodes"]
    kubelets = {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}
    closed = [node for node in nodes if node["spec"].get("unschedulable")]
    return kubelets == {NEW} and world.machines["cp-1"].version("kube-apiserver") == NEW and not closed


HOOKED = f"{SMALL}  upgrade: {{hooks: {{before: [apt-get upgrade], after: [apt-get upgrade --again]}}}}\n"


def create_new(world: World) -> None:
    world.run("create_cluster", spec=SMALL)


def has_run_hooks(world: World) -> bool:
    mark = (hooks_mark(load_cluster(HOOKED, "spec")) or b"").decode()
    nodes = [one for (plural, _, _), one in world.etcd.objects.items() if plural == "nodes"]
    closed = [node for node in nodes if node["spec"].get("unschedulable")]
    ran = {(one.text(HOOKS_MARK), one.loaded.get("system")) for one in world.machines.values()}
    return ran == {(mark, "apt-get upgrade --again")} and not closed


def begin_a_roll(world: World) -> None:
    create(world)
    run = world.begin("upgrade_cluster", **ASKED)
    for task in world.tasks(run):
        world.execute(task, run)
        if task.task_id == "lease":
            return


def is_asked_to_pause(world: World) -> bool:
    pause = ClusterRecords(world.store, world.name).pause()
    return pause is not None and world.runs[pause.run].dag_id == "upgrade_cluster"


def is_told(world: World) -> bool:
    told = [event for event in ServiceLog(world.store, world.name).events() if event.operation == "catalog_watch"]
    return bool(told) and offer_key(world.name, NEW) in world.bucket.objects


CASES = {
    "upgrade": Case(BEFORE, "upgrade_cluster", ASKED, create, runs_new, stride=97, always=ENDS),
    "run hooks": Case(
        SMALL,
        "upgrade_cluster",
        {"spec": HOOKED, "auto_approve": True, "allow_untested": True},
        create_new,
        has_run_hooks,
        stride=29,
        always=ENDS,
    ),
    "pause a rollout": Case(BEFORE, "pause_upgrade", {}, begin_a_roll, is_asked_to_pause, stride=1),
    "tell of a release": Case(BEFORE, "catalog_watch", {}, create, is_told, stride=1),
}
