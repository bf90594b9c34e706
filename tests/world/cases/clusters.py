"""create_cluster, apply_cluster and delete_cluster are killed before and after everything that they change.

A run that dies is followed by a whole one at every so many of the places only.
"""

from __future__ import annotations

from world import World
from world.kills import Case
from world.specs import GROWN, SMALL

CHANGED = f"""{SMALL}\
  components:
    kubelet: {{extraArgs: {{v: "3"}}}}
    kube-apiserver: {{extraArgs: {{v: "3"}}}}
  security: {{podSecurity: restricted}}
"""


def create(world: World) -> None:
    world.run("create_cluster", spec=SMALL)


def create_grown(world: World) -> None:
    world.run("create_cluster", spec=GROWN)


def settled(world: World) -> bool:
    return all(drift.is_empty for drift in world.drift().values())


APPLY = {"spec": CHANGED, "auto_approve": True}
CASES = {
    "create": Case(SMALL, "create_cluster", {"spec": SMALL}, stride=17),
    "apply a changed spec": Case(SMALL, "apply_cluster", APPLY, create, stride=13),
    "apply more hosts": Case(GROWN, "apply_cluster", {"spec": GROWN, "auto_approve": True}, create, settled, stride=23),
    "apply fewer hosts": Case(
        GROWN, "apply_cluster", {"spec": SMALL, "auto_approve": True}, create_grown, settled, stride=23
    ),
    "delete": Case(SMALL, "delete_cluster", {"confirm_name": "demo"}, create, goes_on=lambda world: world.is_known),
}
