"""What is left of a host goes back if it does not come up, but never what has moved on with all hosts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from unit.rollout.conftest import NEW, OLD, World, install
from unit.rollout.test_api_server import STATS
from windlass.domain.etcd.status import MemberStatus
from windlass.domain.pki import Pki
from windlass.domain.spec.models import Cluster
from windlass.effects.ssh.connection import CommandResult, RemoteFile
from windlass.effects.ssh.fake import Call
from windlass.operations import waiting
from windlass.operations.rollout import control_plane_ready, node
from windlass.operations.rollout.context import Limits, RolloutContext
from windlass.operations.rollout.node import change_host
from windlass.operations.rollout.stacks import DidNotComeUpError

LIMITS = Limits(planes_ready=timedelta(0), node_ready=timedelta(0), pods_ready=timedelta(0))
ETCD, CONTROL_PLANE = (f"/etc/windlass/stacks/{stack}/compose.yaml" for stack in ("etcd", "control-plane"))
MEMBER = MemberStatus(1, 9, 7, 50, "3.7.3", 2, 7, 7, 100, 100, 200, is_learner=False, errors=())
CONTROLLERS = "kube-controller-manager kube-scheduler"


class Api:
    """The node of cp-1, whose kubelet has the version of the unit that lies on the host, and no pods."""

    def __init__(self, world: World) -> None:
        self.files = world.machines["cp-1"].fake.files

    def get(self, *_: Any) -> dict[str, Any]:
        version = NEW if NEW in self.files["/etc/systemd/system/kubelet.service"].content.decode() else OLD
        ready = {"type": "Ready", "status": "True"}
        return {
            "metadata": {"name": "cp-1"},
            "spec": {},
            "status": {"nodeInfo": {"kubeletVersion": version}, "conditions": [ready]},
        }

    def list(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return []


@pytest.fixture(autouse=True)
def around(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have cp-1 as it is once etcd and all API servers are new, and everything serves."""
    monkeypatch.setattr(waiting, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(node, "kubernetes_api", lambda *_: nullcontext(Api(world)))
    monkeypatch.setattr(node, "install_host_certificates", lambda *_: ())
    member = Mock(**{"status.return_value": MEMBER})
    monkeypatch.setattr(control_plane_ready, "etcd_member", lambda *_: nullcontext(member))
    for machine in world.machines.values():
        machine.fake.on("curl", "-fsS", answer=STATS)
        machine.fake.on("curl", "-sS", answer="ok")
        machine.fake.on("curl", "-sS", "--insecure", answer="ok")
        machine.fake.on("journalctl", answer="")
    target, machine = world.at(NEW), world.machines["cp-1"]
    units, versions = set(machine.units), dict(machine.versions)
    old = dict(machine.fake.files)
    install(target, target.hosts[0], machine)
    machine.units, machine.versions = units, versions
    machine.fake.files.update({path: file for path, file in old.items() if "/stacks/" not in path})


def roll_of(world: World, cluster: Cluster | None = None, version: str = NEW) -> RolloutContext:
    return RolloutContext(world.at(version, cluster), world.session, Mock(spec=Pki), lambda _: None, LIMITS)


def versions_on(world: World, path: str) -> list[str]:
    text = world.machines["cp-1"].fake.files[path].content.decode()
    return [line.split()[-1] for line in text.splitlines() if "io.windlass.version:" in line]


def kubelet_of(world: World) -> str:
    return world.machines["cp-1"].fake.files["/etc/systemd/system/kubelet.service"].content.decode()


def spec_with(world: World, **sections: Any) -> Cluster:
    document = world.session.cluster.model_dump(mode="json", by_alias=True)
    document["spec"].update(sections)
    return Cluster.model_validate(document)


def fails_at(controller: int) -> Callable[[Call], CommandResult | str]:
    def answer(call: Call) -> CommandResult | str:
        return CommandResult(7, "", "curl: (7) refused") if f":{controller}/" in call.argv[-1] else "ok"

    return answer


def change(rollout: RolloutContext) -> None:
    change_host(rollout, "cp-1", RemoteFile(b""), drains=False)


def test_a_host_whose_controllers_serve_is_done(world: World) -> None:
    change(roll_of(world))
    assert NEW in kubelet_of(world)


@pytest.mark.parametrize(("port", "name"), [(10257, "kube-controller-manager"), (10259, "kube-scheduler")])
def test_a_controller_that_does_not_serve_stops_the_roll_at_the_first_host(world: World, port: int, name: str) -> None:
    world.machines["cp-1"].fake.on("curl", "-sS", "--insecure", answer=fails_at(port))
    with pytest.raises(DidNotComeUpError, match=rf"cp-1: {name} does not serve.*the old version runs on it again"):
        change(roll_of(world))


def test_etcd_and_the_api_server_do_not_go_back_with_a_host(world: World) -> None:
    world.machines["cp-1"].fake.on("curl", "-sS", "--insecure", answer=fails_at(10259))
    before = {path: world.machines["cp-1"].fake.files[path] for path in (ETCD, CONTROL_PLANE)}

    with pytest.raises(DidNotComeUpError):
        change(roll_of(world))

    machine = world.machines["cp-1"]
    assert {path: machine.fake.files[path] for path in before} == before
    assert set(versions_on(world, ETCD)) == {"v3.7.3"}
    assert OLD in kubelet_of(world)
    ups = [script.arguments for script in machine.scripts if script.name == "start-stack"]
    back = ups[next(number for number, up in enumerate(ups) if " ".join(up["only"]) == CONTROLLERS) :]
    assert not [up for up in back if up["stack"] == "etcd"]
    assert not [up for up in back if up["stack"] == "control-plane" and not up["only"]]


def test_an_etcd_member_that_a_hook_has_taken_away_stops_the_roll(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = Mock(**{"status.return_value": replace(MEMBER, leader_id=0)})
    monkeypatch.setattr(control_plane_ready, "etcd_member", lambda *_: nullcontext(member))
    with pytest.raises(DidNotComeUpError, match="cp-1: its etcd member knows no leader"):
        change(roll_of(world))


def test_a_flag_of_a_controller_goes_back_with_the_file_that_has_it(world: World) -> None:
    machine = world.machines["cp-1"]
    install(world.session, world.session.hosts[0], machine)
    before = dict(machine.fake.files)
    machine.fake.on("curl", "-sS", "--insecure", answer=fails_at(10259))
    desired = spec_with(world, components={"kube-scheduler": {"extraArgs": {"no-such-flag": "x"}}})

    with pytest.raises(DidNotComeUpError, match="the old version runs on it again"):
        change(roll_of(world, desired, OLD))

    assert machine.fake.files[CONTROL_PLANE] == before[CONTROL_PLANE]
