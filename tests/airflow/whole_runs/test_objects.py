"""Whatever Windlass has applied to a cluster: deleted or changed by somebody it is drift, which heals or is applied."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from windlass.domain.host.layout import ADDON_LABEL
from windlass.domain.objects.inventory import NAME, NAMESPACE
from world import World
from world.specs import SMALL

New = Callable[[str], World]
VERSIONS = ["v1.36.3", "v1.37.2"]


def made(new: New, version: str) -> World:
    spec = SMALL.replace("v1.37.2", version)
    world = new(spec)
    world.run("create_cluster", spec=spec)
    return world


def applied(world: World) -> dict[str, tuple[str, str, str]]:
    """Return the objects of the inventory: how messages name each, and where the world has it."""
    data = world.etcd.objects["configmaps", NAMESPACE, NAME]["data"]
    inventory = [one for value in data.values() if value.startswith("[") for one in json.loads(value)]
    named = {(one["kind"], one["namespace"], one["name"]) for one in inventory}
    found = {}
    for place, content in world.etcd.objects.items():
        kind = (content.get("kind", ""), place[1], place[2])
        if kind in named:
            found[f"{kind[0]} {f'{kind[1]}/' if kind[1] else ''}{kind[2]}"] = place
    assert len(found) == len(named)
    return found


def told(world: World) -> set[str]:
    """Return the objects that a plan names."""
    steps: list[Any] = world.run("apply_cluster", plan_only=True).results["gate"]["steps"]
    return {line.partition(" is missing")[0].partition(" differs")[0] for step in steps for line in step["does"]}


@pytest.mark.parametrize("version", VERSIONS)
def test_each_object_that_somebody_deleted_is_planned_and_applied_again(new: New, version: str) -> None:
    world = made(new, version)
    before, objects = deepcopy(world.state()["kubernetes"]), applied(world)
    kept = {name: place for name, place in objects.items() if place[0] != "namespaces"}
    assert len(kept) > 20
    for place in kept.values():
        del world.etcd.objects[place]

    assert told(world) >= set(kept)
    world.run("apply_cluster", auto_approve=True)

    assert world.state()["kubernetes"] == before
    assert told(world) == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_each_object_that_somebody_changed_is_planned_and_healed(new: New, version: str) -> None:
    world = made(new, version)
    before, objects = deepcopy(world.state()["kubernetes"]), applied(world)
    for place in objects.values():
        world.etcd.objects[place]["metadata"]["labels"][ADDON_LABEL] = "somebody-elses"

    assert told(world) == set(objects)
    for _ in range(8):
        world.run("heal_cluster")

    assert told(world) == set()
    assert world.state()["kubernetes"] == before
