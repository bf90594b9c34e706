"""Nobody gives by a spec a right that they have not themselves: who may operate a cluster may not come to delete it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from windlass.domain.spec import load_cluster
from windlass.effects.store import ClusterRecords
from windlass.errors import RefusedError
from world import World
from world.specs import SMALL

New = Callable[[str], World]


def with_roles(roles: str) -> str:
    return f"{SMALL}  access: {{roles: {{{roles}}}}}\n"


STORED = with_roles("'user:anna': [operate], 'user:bert': [operate, approve, delete]")


@pytest.mark.parametrize(
    ("roles", "what"),
    [
        ("'user:anna': [operate, delete], 'user:bert': [operate, approve, delete]", "delete"),
        ("'user:anna': [operate], 'user:mallory': [approve]", "approve"),
        ("", "approve"),
    ],
)
@pytest.mark.parametrize("dag", ["apply_cluster", "create_cluster", "disaster_recovery"])
def test_who_may_operate_gives_nobody_more_than_that(new: New, dag: str, roles: str, what: str) -> None:
    world = new(STORED)
    ClusterRecords(world.store, world.name).save_spec(STORED)
    with pytest.raises(RefusedError, match=rf"anna may not {what} this cluster.*nobody gives a right"):
        world.run(dag, spec=with_roles(roles) if roles else SMALL)
    assert ClusterRecords(world.store, world.name).spec() == STORED
    assert not any(machine.host.calls for machine in world.machines.values())


def test_who_has_them_gives_them_and_whoever_operates_takes_them(new: New) -> None:
    world = new(STORED)
    world.run("create_cluster", spec=STORED)
    fewer = with_roles("'user:anna': [operate], 'user:bert': [operate, delete]")
    world.run("apply_cluster", spec=fewer, auto_approve=True)
    assert "approve" not in stored_roles(world)
    more = with_roles("'user:anna': [operate], 'user:bert': [operate, delete], 'user:zoe': [delete, operate]")
    run = world.begin("apply_cluster", spec=more, auto_approve=True)
    run.user = "bert"
    for task in world.tasks(run):
        world.execute(task, run)
    assert "user:zoe" in stored_roles(world)


def stored_roles(world: World) -> str:
    return str(load_cluster(ClusterRecords(world.store, world.name).spec() or "", "spec").spec.access.roles)
