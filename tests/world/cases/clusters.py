"""create_cluster, apply_cluster and delete_cluster are killed before and after everything that they change.

A run that dies is followed by a whole one at every so many of the places only.
"""

from __future__ import annotations

from world import World
from world.kills import Case
from world.specs import SMALL

CHANGED = f"""{SMALL}\
  components:
    kubelet: {{extraArgs: {{v: "3"}}}}
    kube-apiserver: {{extraArgs: {{v: "3"}}}}
  security: {{podSecurity: restricted}}
"""


def create(world: World) -> None:
    world.run("create_cluster", spec=SMALL)


APPLY = {"spec": CHANGED, "auto_approve": True}
CASES = {
    "create": Case(SMALL, "create_cluster", {"spec": SMALL}, stride=17),
    "apply a changed spec": Case(SMALL, "apply_cluster", APPLY, create, stride=13),
    "delete": Case(SMALL, "delete_cluster", {"confirm_name": "demo"}, create, goes_on=lambda world: world.is_known),
}
