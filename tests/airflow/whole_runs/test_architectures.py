"""Clusters whose hosts have processors of two architectures: each host has its own programs, all have one plan."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from windlass.domain.artifacts import Artifact
from windlass.domain.scripts.install import content_directory
from windlass.errors import WindlassError
from world import World
from world.everything import CATALOG, lock, lock_with
from world.machine import Machine

from .test_planes import CONTROL, Roles, spec_of

New = Callable[[str], World]
SMALL: Roles = {"cp-1": CONTROL, "h-1": ["worker"]}
LARGE: Roles = {**SMALL, "w-1": ["worker"]}
OLD, TARGET = "v1.36.3", "v1.37.2"


@pytest.fixture
def world(new: New) -> World:
    """A world in which one worker, `w-1`, is of arm64, and whose mirror has everything for it."""
    found = new(
        spec_of({"cp-1": CONTROL, "cp-2": ["worker"], "cp-3": ["worker"], "h-1": ["worker"], "w-1": ["worker"]})
    )
    found.machines["w-1"].arch = "aarch64"
    found.lock = lock_with("arm64")
    return found


def at(version: str, roles: Roles) -> str:
    return spec_of(roles).replace("v1.37.2", version)


def installed(machine: Machine, artifact: Artifact, world: World) -> bool:
    return content_directory(world.lock.digest(artifact)) in machine.artifacts


def check_own_programs(world: World, version: str = TARGET) -> None:
    kubelet = CATALOG.release(version).artifact("file", "kubelet")
    for name, own, other in (("h-1", "amd64", "arm64"), ("w-1", "arm64", "amd64")):
        assert installed(world.machines[name], kubelet.on(own), world)
        assert not installed(world.machines[name], kubelet.on(other), world)
    assert not world.machines["w-1"].artifacts & world.machines["h-1"].artifacts
    assert world.machines["w-1"].images <= world.machines["h-1"].images


def check_settled(world: World) -> None:
    assert {name: list(drift.differences) for name, drift in world.drift().items() if not drift.is_empty} == {}
    again = world.run("apply_cluster")
    assert again.results["gate"]["steps"] == []
    assert again.results["result"]["state"] == "nothing"


def test_a_mixed_cluster_is_created_and_deleted(world: World) -> None:
    world.run("create_cluster", spec=spec_of(LARGE))
    check_own_programs(world)
    check_settled(world)

    world.run("delete_cluster", confirm_name="demo", keep_backups=False)

    assert all(not machine.containers and not machine.units for machine in world.machines.values())


def test_a_worker_of_another_architecture_joins_is_upgraded_and_leaves(world: World) -> None:
    world.run("create_cluster", spec=at(OLD, SMALL))
    joined = world.run("apply_cluster", spec=at(OLD, LARGE), auto_approve=True)
    assert joined.results["result"]["state"] == "done"
    check_own_programs(world, OLD)
    check_settled(world)

    upgraded = world.run("upgrade_cluster", version=TARGET, auto_approve=True)
    assert upgraded.results["result"]["state"] == "done"
    check_own_programs(world)
    check_settled(world)

    world.run("apply_cluster", spec=at(TARGET, SMALL), auto_approve=True)
    assert not world.machines["w-1"].containers
    assert not world.machines["w-1"].units


def test_what_a_host_lost_is_put_back_with_its_own_programs(world: World) -> None:
    world.run("create_cluster", spec=spec_of(LARGE))
    machine = world.machines["w-1"]
    kubelet = CATALOG.release(TARGET).artifact("file", "kubelet").on("arm64")
    machine.artifacts.remove(content_directory(world.lock.digest(kubelet)))

    assert [str(one) for one in world.drift()["w-1"].differences] != []
    assert all(drift.is_empty for name, drift in world.drift().items() if name != "w-1")
    world.run("heal_cluster")

    check_own_programs(world)


def test_a_host_that_the_mirror_has_nothing_for_joins_only_once_it_has(world: World) -> None:
    full, world.lock = world.lock, lock()
    with pytest.raises(WindlassError, match=r"w-1: its processor is aarch64.*kubelet:v1\.37\.2@arm64.*--arch arm64"):
        world.run("create_cluster", spec=spec_of(LARGE))
    world.run("create_cluster", spec=spec_of(SMALL))

    with pytest.raises(WindlassError, match=r"joining hosts: w-1: its processor is aarch64.*kubelet:v1\.37\.2@arm64"):
        world.run("apply_cluster", spec=spec_of(LARGE), auto_approve=True)
    assert not world.machines["w-1"].artifacts

    world.lock = full
    world.run("apply_cluster", spec=spec_of(LARGE), auto_approve=True)
    check_own_programs(world)
    check_settled(world)
