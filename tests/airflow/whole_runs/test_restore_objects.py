"""Whole runs that bring objects back from a bundle: what comes back, what is left alone, what nobody sees."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from windlass.errors import RefusedError, SpecError
from windlass.web.reading import Filter, read_log
from world import World
from world.specs import SMALL

New = Callable[[str], World]
SHOP = ("namespaces", "", "shop")
SETTINGS, LOGIN = ("configmaps", "shop", "settings"), ("secrets", "shop", "login")
WORD = "aHVudGVyMg=="


def made(kind: str, name: str, namespace: str = "", **parts: Any) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "uid": f"of {name}", **place}, **parts}


@pytest.fixture(scope="module")
def backed(new: New) -> tuple[World, dict[Any, Any]]:
    """A cluster with a bundle that has a namespace in it, and its objects as they are then."""
    world = new(SMALL)
    world.run("create_cluster", spec=SMALL)
    world.etcd.objects[SHOP] = made("Namespace", "shop")
    world.etcd.objects[SETTINGS] = made("ConfigMap", "settings", "shop", data={"color": "blue"})
    world.etcd.objects[LOGIN] = made("Secret", "login", "shop", data={"password": WORD}, type="Opaque")
    world.run("etcd_backup")
    return world, copy.deepcopy(world.etcd.objects)


@pytest.fixture
def world(backed: tuple[World, dict[Any, Any]]) -> World:
    """The cluster with all of that as it was."""
    world, objects = backed
    world.etcd.objects.clear()
    world.etcd.objects.update(copy.deepcopy(objects))
    return world


def lose(world: World, *keys: Any) -> None:
    for key in keys:
        del world.etcd.objects[key]


def service_log(world: World) -> list[str]:
    return [json.dumps(one, default=str) for one in read_log(world.store, world.name, Filter(), 1000)]


def content(world: World) -> dict[Any, Any]:
    return {key: one for key, one in world.kubernetes.state().items() if "shop" in key[1:]}


def test_a_namespace_comes_back_as_the_bundle_has_it_and_nothing_else_is_touched(world: World) -> None:
    before = world.kubernetes.state()
    lose(world, SHOP, SETTINGS, LOGIN)

    run = world.run("restore_objects", namespace="shop", auto_approve=True)

    assert run.states["restore"] == "success"
    assert world.kubernetes.state() == before
    assert world.etcd.objects[LOGIN]["data"] == {"password": WORD}
    assert world.etcd.objects[LOGIN]["metadata"]["uid"] != "of login"
    assert not any(machine.drills for machine in world.machines.values())
    line = next(one for one in service_log(world) if "brought back" in one)
    assert "namespace shop brought back from bundle" in line
    assert "3 objects" in line


def test_what_is_secret_is_in_no_result_log_or_plan(world: World) -> None:
    world.etcd.objects[LOGIN]["data"] = {"password": "b3RoZXI="}
    lose(world, SETTINGS)
    run = world.run("restore_objects", namespace="shop", overwrite=True, auto_approve=True)
    assert world.etcd.objects[LOGIN]["data"] == {"password": WORD}
    assert "overwrite Secret shop/login" in run.results["plan"]["text"]
    told = json.dumps(run.results) + "".join(service_log(world))
    for word in (WORD, "b3RoZXI=", "blue"):
        assert word not in told


def test_what_differs_is_left_as_it_lives_unless_that_is_asked_for(world: World) -> None:
    world.etcd.objects[SETTINGS]["data"] = {"color": "red"}
    run = world.run("restore_objects", namespace="shop", auto_approve=True)
    assert world.etcd.objects[SETTINGS]["data"] == {"color": "red"}
    assert "conflict ConfigMap shop/settings: it lives and differs" in run.results["plan"]["text"]
    assert run.states["restore"] == "skipped"


def test_one_object_comes_back_and_the_others_do_not(world: World) -> None:
    lose(world, SETTINGS, LOGIN)
    world.run("restore_objects", namespace="shop", kind="configmaps", name="settings", auto_approve=True)
    assert SETTINGS in world.etcd.objects
    assert LOGIN not in world.etcd.objects


def test_a_plan_alone_changes_nothing(world: World) -> None:
    lose(world, SETTINGS)
    before = content(world)
    run = world.run("restore_objects", namespace="shop", plan_only=True)
    assert run.results["plan"]["counts"] == {"create": 1, "same": 2}
    assert (run.states["restore"], content(world)) == ("skipped", before)


def test_what_changed_since_it_was_planned_is_not_done(world: World) -> None:
    lose(world, SETTINGS)
    run = world.begin("restore_objects", namespace="shop", auto_approve=True)
    tasks = world.tasks(run)
    for task in tasks:
        world.execute(task, run)
        if task.task_id == "lease":
            break
    lose(world, LOGIN)
    restore = next(tasks)
    with pytest.raises(RefusedError, match="what lives has changed since this was planned"):
        world.execute(restore, run)
    run.is_finished = True
    assert SETTINGS not in world.etcd.objects


@pytest.mark.parametrize(
    ("asked", "error", "match"),
    [
        ({}, SpecError, "give `namespace`"),
        ({"namespace": "shop", "kind": "ConfigMap"}, SpecError, "go together"),
        ({"namespace": "shop/../x"}, SpecError, "no name that Kubernetes knows"),
        ({"namespace": "shop", "kind": "Gadget", "name": "g"}, SpecError, "serves no kind `Gadget`"),
        ({"kind": "ConfigMap", "name": "settings"}, SpecError, "give `namespace`"),
        ({"namespace": "shop", "kind": "Node", "name": "cp-1"}, SpecError, "leave `namespace` empty"),
        ({"namespace": "nowhere"}, RefusedError, "has no namespace nowhere"),
        ({"namespace": "shop", "kind": "ConfigMap", "name": "none"}, RefusedError, "has no ConfigMap shop/none"),
    ],
)
def test_what_is_not_clear_or_not_there_is_refused(world: World, asked: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        world.run("restore_objects", auto_approve=True, **asked)
    assert not any(machine.drills for machine in world.machines.values())
