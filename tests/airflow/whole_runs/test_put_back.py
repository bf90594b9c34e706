"""Whole runs on a store that somebody put back, or took the keys from: nothing of it reaches a host."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from windlass.effects.store.keys import cluster_prefix, pki_key
from world import World

New = Callable[[str], World]


def spec(tier: str = "a") -> str:
    roles = ["etcd", "control-plane", "worker"]
    members = [{"name": "h-1", "address": "192.0.2.11", "roles": roles, "labels": {"tier": tier}}]
    document = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}}
    return yaml.safe_dump(
        {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": document}
    )


def created(new: New) -> World:
    world = new(spec())
    world.run("create_cluster", spec=spec())
    return world


def test_an_older_store_is_brought_to_no_host(new: New) -> None:
    world = created(new)
    before = dict(world.bucket.objects)
    assert world.run("apply_cluster", spec=spec("b"), auto_approve=True).results["result"]["state"] == "done"
    world.bucket.objects = before
    world.reopen()
    files = world.machines["h-1"].save()

    for dag in ("apply_cluster", "heal_cluster", "create_cluster"):
        with pytest.raises(Exception, match="an older store was put back: h-1 was given the one of"):
            world.run(dag)
        world.reopen()

    assert world.machines["h-1"].save() == files


def test_deleted_keys_are_not_made_anew(new: New) -> None:
    world = created(new)
    objects = dict(world.bucket.objects)
    del objects[pki_key(world.name)]
    world.bucket.objects = objects
    world.reopen()

    for dag in ("create_cluster", "apply_cluster"):
        with pytest.raises(Exception, match=r"pki.sealed in the store: it is gone.*restore-pki"):
            world.run(dag)
        world.reopen()

    assert pki_key(world.name) not in world.bucket.objects


def test_a_cluster_whose_objects_are_all_gone_is_not_made_again_on_its_hosts(new: New) -> None:
    world = created(new)
    folder = cluster_prefix(world.name)
    world.bucket.objects = {key: data for key, data in world.bucket.objects.items() if not key.startswith(folder)}
    world.reopen()

    with pytest.raises(Exception, match="the store never had one"):
        world.run("create_cluster", spec=spec())
