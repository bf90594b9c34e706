"""Hosts that take up planes and give them up, join and leave: afterwards there is nothing left to plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from world import World

HOSTS = ("cp-1", "cp-2", "cp-3", "h-1", "w-1")
CONTROL = ["etcd", "control-plane"]
New = Callable[[str], World]
Roles = dict[str, list[str]]
CHANGES: dict[str, tuple[Roles, Roles]] = {
    "a worker": ({"cp-1": CONTROL}, {"cp-1": CONTROL, "w-1": ["worker"]}),
    "the node of a host with etcd": (
        {"cp-1": ["control-plane"], "h-1": ["etcd"], "w-1": ["worker"]},
        {"cp-1": ["control-plane"], "h-1": ["etcd", "worker"], "w-1": ["worker"]},
    ),
    "separate planes": (
        {"cp-1": [*CONTROL, "worker"]},
        {"cp-1": ["etcd"], "cp-2": ["control-plane"], "cp-3": ["control-plane"], "w-1": ["worker"]},
    ),
    "two control planes": (
        {"cp-1": CONTROL, "w-1": ["worker"]},
        {**dict.fromkeys(("cp-1", "cp-2", "cp-3"), CONTROL), "w-1": ["worker"]},
    ),
}


def spec_of(roles: Roles) -> str:
    members = [
        {"name": name, "address": f"192.0.2.{number}", "roles": roles[name]}
        for number, name in enumerate(HOSTS, 11)
        if name in roles
    ]
    spec: dict[str, Any] = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}}
    return yaml.safe_dump({"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec})


@pytest.mark.parametrize(("small", "large"), CHANGES.values(), ids=CHANGES)
def test_what_joined_and_left_leaves_nothing_to_plan(new: New, small: Roles, large: Roles) -> None:
    world = new(spec_of({"cp-1": CONTROL, **{name: ["worker"] for name in HOSTS[1:]}}))
    world.run("create_cluster", spec=spec_of(small))
    for roles in (large, small, large):
        run = world.run("apply_cluster", spec=spec_of(roles), auto_approve=True)
        assert run.results["result"]["state"] == "done"
        assert {name: list(drift.differences) for name, drift in world.drift().items() if not drift.is_empty} == {}

        again = world.run("apply_cluster")

        assert again.results["gate"]["steps"] == []
        assert again.results["result"]["state"] == "nothing"


def test_a_host_that_is_down_keeps_no_other_from_joining(new: New) -> None:
    before: Roles = {"cp-1": CONTROL, "h-1": ["worker"]}
    after: Roles = {**before, "w-1": ["worker"]}
    world = new(spec_of({**after, "cp-2": ["worker"], "cp-3": ["worker"]}))
    world.run("create_cluster", spec=spec_of(before))
    world.machines["h-1"].host.is_reachable = False

    run = world.run("apply_cluster", spec=spec_of(after), auto_approve=True)

    assert "left out: h-1" in run.results["gate"]["text"]
    assert run.results["result"]["state"] == "done"
    assert list(run.results["result"]["left_out"]) == ["h-1"]
    world.machines["h-1"].host.is_reachable = True
    world.run("apply_cluster", auto_approve=True)
    assert world.run("apply_cluster").results["result"]["state"] == "nothing"
