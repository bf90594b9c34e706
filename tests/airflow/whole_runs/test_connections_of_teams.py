"""A team's new cluster, or one of its changed specs, gets no login that another team's connection holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from windlass.effects.store import ClusterRecords
from windlass.errors import RefusedError
from world import World
from world.specs import SMALL

New = Callable[[str], World]
THEIRS = SMALL.replace("name: demo", "name: theirs").replace("192.0.2.1", "192.0.2.2") + (
    "  access: {roles: {'team:theirs': [operate, approve, delete]}}\n"
)


def beside_another_team(new: New) -> World:
    world = new(SMALL)
    ClusterRecords(world.store, "theirs").save_spec(THEIRS)
    world.services = replace(world.services, unlisted=lambda conn_ids: conn_ids)
    return world


@pytest.mark.parametrize("dag", ["create_cluster", "apply_cluster"])
@pytest.mark.parametrize("plan_only", [True, False])
def test_a_new_cluster_is_refused_before_anybody_connects_or_anything_is_stored(
    new: New, dag: str, *, plan_only: bool
) -> None:
    world = beside_another_team(new)
    before = dict(world.bucket.objects)
    with pytest.raises(RefusedError, match="windlass_clusters"):
        world.run(dag, spec=SMALL, plan_only=plan_only)
    assert not world.is_known
    assert {key for key in world.bucket.objects if "/log/" not in key} == set(before)
    assert not any(machine.host.calls for machine in world.machines.values())


def test_a_running_cluster_goes_on_and_its_spec_comes_to_name_no_other(new: New) -> None:
    world = new(SMALL)
    world.run("create_cluster", spec=SMALL)
    ClusterRecords(world.store, "theirs").save_spec(THEIRS)
    world.services = replace(world.services, unlisted=lambda conn_ids: conn_ids)

    assert world.run("apply_cluster", spec=SMALL, auto_approve=True).results["result"]["state"] == "nothing"
    with pytest.raises(RefusedError, match="`their_login`"):
        world.run("apply_cluster", spec=SMALL.replace("  hosts:\n", "  hosts:\n    ssh: {connection: their_login}\n"))
