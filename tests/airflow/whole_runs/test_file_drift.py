"""Somebody opens a key to all: whatever looks at the host shows it, and closes it without starting anything again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from windlass.domain.host.layout import DOCKER_DAEMON, KUBELET_CONFIG
from windlass.errors import RefusedError
from world import World
from world.specs import SMALL

KEY = "/etc/windlass/pki/apiserver.key"
CONFIG = KUBELET_CONFIG
New = Callable[[str], World]


def world_with_open_files(new: New) -> tuple[World, dict[str, object]]:
    """Return a world in which somebody has opened two files to all, and how it was before."""
    world = new(SMALL)
    world.run("create_cluster", spec=SMALL)
    before = world.state()
    for host, path in (("cp-1", KEY), ("w-1", CONFIG)):
        files = world.machines[host].host.files
        files[path] = replace(files[path], mode=0o666, owner="nobody:nogroup")
    assert world.state() != before
    return world, before


def test_an_apply_plans_it_takes_the_lease_and_closes_it(new: New) -> None:
    world, before = world_with_open_files(new)

    planned = world.run("apply_cluster", plan_only=True)
    run = world.run("apply_cluster", auto_approve=True)

    for one in (planned, run):
        assert [line for step in one.results["gate"]["steps"] for line in step["does"]] == [
            f"cp-1: certificates: {KEY}: mode 0666 -> 0600, owner nobody:nogroup -> root:root",
            f"w-1: files: {CONFIG}: mode 0666 -> 0600, owner nobody:nogroup -> root:root",
        ]
    assert (planned.states["lease"], run.states["lease"], run.states["release"]) == ("skipped", "success", "success")
    # A bundle was taken before anything was changed.
    assert {**world.state(), "bundles": None} == {**before, "bundles": None}
    assert world.run("apply_cluster").results["result"]["state"] == "nothing"


def test_a_file_that_could_not_be_looked_at_is_written_again(new: New) -> None:
    world, _ = world_with_open_files(new)
    world.run("apply_cluster", auto_approve=True)
    for host, path in (("cp-1", KEY), ("w-1", CONFIG)):
        world.machines[host].host.unreadable.add(path)

    run = world.run("apply_cluster", auto_approve=True)

    does = "; ".join(line for step in run.results["gate"]["steps"] for line in step["does"])
    assert "cp-1: certificates: 1 files" in does
    assert "w-1: kubelet restarted" in does
    assert world.run("apply_cluster").results["result"]["state"] == "nothing"


def test_a_creation_leaves_what_runs_to_an_apply(new: New) -> None:
    world, _ = world_with_open_files(new)
    opened = world.state()

    with pytest.raises(RefusedError, match="trigger `apply_cluster`"):
        world.run("create_cluster")

    assert world.state() == opened


@pytest.mark.parametrize("drift", ["repair", "report"])
def test_repair_closes_it_or_shows_it_as_the_spec_says(new: New, drift: str) -> None:
    world = new(SMALL)
    spec = f"{SMALL}  repair: {{drift: {drift}}}\n"
    world.run("create_cluster", spec=spec)
    machine = world.machines["cp-1"]
    before = machine.state()
    files = machine.host.files
    files[KEY] = replace(files[KEY], mode=0o666, owner="nobody:nogroup")
    opened = machine.state()

    result = world.run("heal_cluster").results["heal"]

    told = f"restore-files certificates on cp-1: {KEY}: mode 0666 -> 0600, owner nobody:nogroup -> root:root"
    if drift == "report":
        assert (result["done"], result["reported"]) == ([], [told])
        assert machine.state() == opened
    else:
        assert [one.partition(" (")[0] for one in result["done"]] == [told]
        assert machine.state() == before


def test_repair_fetches_a_program_that_is_gone(new: New) -> None:
    world = new(SMALL)
    world.run("create_cluster", spec=SMALL)
    machine = world.machines["w-1"]
    before = machine.state()
    lost = machine.links["/opt/windlass/cni/bin/bridge"].rpartition("/")[0]
    machine.artifacts.discard(lost)
    assert [one.kind for one in world.drift()["w-1"].differences] == ["program"]

    (done,) = world.run("heal_cluster").results["heal"]["done"]

    assert done.startswith("restore-files files on w-1: cni-plugins ")
    assert machine.state() == before
    assert world.drift()["w-1"].is_empty


def test_settings_of_docker_that_nobody_can_read_hide_no_certificate_and_are_told(new: New) -> None:
    world = new(SMALL)
    world.run("create_cluster", spec=SMALL)
    files = world.machines["cp-1"].host.files
    files[KEY] = replace(files[KEY], mode=0o666)
    files[DOCKER_DAEMON] = replace(files[DOCKER_DAEMON], content=b"{")

    result = world.run("heal_cluster").results["heal"]

    assert files[KEY].mode == 0o600
    assert any("daemon.json is no JSON" in one for one in (*result["failed"], *result["held"], *result["stops"]))
    assert files[DOCKER_DAEMON].content == b"{"
