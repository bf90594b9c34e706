"""A machine comes back under its name with nothing on it, and a run takes it back with the host key that it shows."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml

from windlass.cli.main import main
from windlass.effects.store import HostKeys, ServiceLog
from windlass.errors import SpecError
from world import World

CONTROL = ["etcd", "control-plane"]
ROLES = {"cp-1": CONTROL, "cp-2": CONTROL, "cp-3": CONTROL, "w-1": ["worker"]}


def spec_of(version: str) -> str:
    members = [
        {"name": name, "address": f"192.0.2.{number}", "roles": roles}
        for number, (name, roles) in enumerate(ROLES.items(), 11)
    ]
    spec = {"kubernetes": {"version": version}, "hosts": {"members": members}}
    return yaml.safe_dump({"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec})


@pytest.mark.parametrize("version", ["v1.36.3", "v1.37.2"])
def test_a_reinstalled_machine_is_taken_back_by_the_run_that_names_it(
    new: Callable[[str], World], version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world = new(spec_of(version))
    world.run("create_cluster", spec=spec_of(version))
    clusters = set(world.etcd.clusters)
    world.reinstall("cp-2")
    named = {"accept_new_host_key": ["cp-2"]}

    planned = world.run("apply_cluster", plan_only=True, **named).results["gate"]
    assert not HostKeys(world.store, "demo").accepted(), "a plan accepts nothing"
    capsys.readouterr()
    assert main(["plan", "demo", "--accept-new-host-key", "cp-2"]) == 0
    assert capsys.readouterr().out == f"{planned['text']}\n"
    assert main(["plan", "demo", "--accept-new-host-key", "cp-2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == planned["plan"]
    assert {"prepare cp-2", "join etcd cp-2"} <= {step["label"] for step in planned["steps"]}
    assert "cp-2 shows a new host key" in planned["text"]

    run = world.run("apply_cluster", auto_approve=True, **named)

    assert run.results["result"]["state"] == "done"
    assert set(world.etcd.clusters) == clusters, "no second cluster of etcd"
    assert list(HostKeys(world.store, "demo").accepted()) == ["cp-2"]
    assert any("cp-2 shows a new host key" in one.text for one in ServiceLog(world.store, "demo").events())
    assert all(drift.is_empty for drift in world.drift().values())
    assert {"cp-1", "cp-2", "cp-3"} == {one.name for one in next(iter(world.etcd.clusters.values())).members.values()}
    assert world.run("apply_cluster").results["result"]["state"] == "nothing"


def test_a_host_that_the_spec_does_not_have_is_no_host_to_accept(new: Callable[[str], World]) -> None:
    world = new(spec_of("v1.37.2"))
    world.run("create_cluster", spec=spec_of("v1.37.2"))

    with pytest.raises(SpecError, match="accept_new_host_key: the spec has no host `cp-9`; it has cp-1, cp-2, cp-3"):
        world.run("apply_cluster", accept_new_host_key=["cp-9"])
