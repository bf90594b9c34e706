"""The Docker Engine of hosts in whole runs: one that is there is used and given back, one that is brought follows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from windlass.domain.artifacts import Lock, Locked
from windlass.domain.host.layout import DOCKER_DAEMON, ENGINE_UNIT
from windlass.effects.ssh.connection import RemoteFile
from world import World
from world.everything import CATALOG, MIRROR, lock
from world.specs import SMALL

New = Callable[[str], World]
OLD, NEW = "v1.36.3", "v1.37.2"
ENGINE = "v29.9.0"
SETTINGS = b'{ "debug": true, "log-driver": "local" }\n'


def test_an_engine_of_the_hosts_own_is_used_and_given_back(new: New) -> None:
    world = new(SMALL)
    for machine in world.machines.values():
        machine.has_docker, machine.images = True, {"theirs:1"}
        machine.host.files[DOCKER_DAEMON] = RemoteFile(SETTINGS, 0o640)
        machine.load_docker_settings()

    world.run("create_cluster", spec=SMALL)

    for machine in world.machines.values():
        settings = json.loads(machine.text(DOCKER_DAEMON))
        assert settings == {**settings, **json.loads(SETTINGS), "live-restore": True}
        assert machine.host.files[DOCKER_DAEMON].mode == 0o640
        assert ENGINE_UNIT not in machine.host.files
        assert not [path for path in machine.links if "docker-engine" in path]
    assert world.run("apply_cluster", spec=SMALL).results["gate"]["steps"] == []

    world.run("delete_cluster", confirm_name="demo")

    for machine in world.machines.values():
        assert machine.host.files[DOCKER_DAEMON].content == SETTINGS
        assert (machine.has_docker, machine.images) == (True, {"theirs:1"})
        assert machine.containers == {}


def test_an_engine_that_is_brought_goes_with_the_cluster(new: New) -> None:
    world = new(SMALL)
    world.run("create_cluster", spec=SMALL)
    assert world.run("apply_cluster", spec=SMALL).results["gate"]["steps"] == []
    assert all(ENGINE_UNIT in machine.host.files for machine in world.machines.values())

    world.run("delete_cluster", confirm_name="demo")

    for machine in world.machines.values():
        assert not machine.has_docker
        assert {ENGINE_UNIT, DOCKER_DAEMON}.isdisjoint(machine.host.files)


def test_an_upgrade_to_a_release_with_another_engine_starts_it_again_host_by_host(new: New) -> None:
    before = SMALL.replace(NEW, OLD)
    world = with_engine(new(before))
    world.run("create_cluster", spec=before)
    containers = {name: set(machine.containers) for name, machine in world.machines.items()}
    asked = {"version": NEW, "allow_untested": True}

    planned = world.run("upgrade_cluster", **asked, plan_only=True)

    was = CATALOG.release(OLD).files["docker-engine"]
    steps = [step for step in planned.results["gate"]["steps"] if step["kind"] == "host"]
    told = {name: f"{name}: docker-engine {was} -> {ENGINE}" for name in world.machines}
    assert [step["hosts"] for step in steps] == [["cp-1"], ["w-1"]]
    assert [told[name] in step["does"] for name, step in zip(told, steps, strict=True)] == [True, True]

    world.run("upgrade_cluster", **asked, auto_approve=True)

    for name, machine in world.machines.items():
        assert f"/docker-engine/{ENGINE}/bin/dockerd" in machine.text(ENGINE_UNIT)
        assert machine.is_docker_up
        assert set(machine.containers) == containers[name]
    assert {name for name, drift in world.drift().items() if not drift.is_empty} == set()


def with_engine(world: World) -> World:
    """Have a catalog whose new release has another engine than the old one, and a mirror that has it."""
    release = CATALOG.release(NEW)
    other = replace(release, files={**release.files, "docker-engine": ENGINE})
    catalog = replace(CATALOG, releases={**CATALOG.releases, NEW: other})
    locked = {**lock().artifacts, other.artifact("file", "docker-engine"): Locked(f"sha256:{29:064x}", 1, "build")}
    held = Lock(lock().source, locked)
    clients = replace(world.services.clients, offered_lock=lambda _: held)
    world.services = replace(
        world.services, load_catalog=lambda: catalog, artifacts=lambda *_: (held, MIRROR), clients=clients
    )
    return world
