"""Settings of machines change on a running cluster: planned, rolled out, nothing left to plan, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from windlass.effects.ssh.connection import RemoteFile
from world import World
from world.specs import SMALL

New = Callable[[str], World]
PARAMETERS, OURS = "/etc/sysctl.d/91-windlass-own.conf", "/etc/multipath.conf"
IMPORT = "/etc/windlass/containerd/conf.d/nvidia.toml"
SETTINGS = {
    "kubelet": {"maxPods": 60},
    "sysctls": {"net.core.somaxconn": 4096},
    "files": [{"path": OURS, "content": "ours, s3cret-looking\n"}],
    "roles": {"worker": {"containerd": {"imports": [{"name": "nvidia", "content": "version = 3\n"}]}}},
}


def spec(proxy: dict[str, Any] | None = None, **sections: Any) -> str:
    document = yaml.safe_load(SMALL)
    document["spec"] |= sections
    document["spec"]["hosts"] |= {"proxy": proxy} if proxy else {}
    return yaml.safe_dump(document)


def test_they_are_rolled_out_and_taken_back(new: New) -> None:
    world = new(spec())
    for machine in world.machines.values():
        machine.parameters["net.core.somaxconn"] = "128"
        machine.host.files[OURS] = RemoteFile(b"theirs\n", 0o640)
    world.run("create_cluster", spec=spec())
    before = {name: dict(machine.host.files) for name, machine in world.machines.items()}

    planned = world.run("apply_cluster", spec=spec(**SETTINGS), plan_only=True)

    does = [line for step in planned.results["gate"]["steps"] for line in step["does"]]
    assert "w-1: drain" in does
    assert "w-1: containerd restarted" in does
    assert "cp-1: kubelet restarted" in does
    assert "cp-1: kernel settings reloaded" in does
    assert any(OURS in line for line in does)
    assert "s3cret-looking" not in str(planned.results)

    run = world.run("apply_cluster", spec=spec(**SETTINGS), auto_approve=True)

    assert run.results["result"]["state"] == "done"
    for machine in world.machines.values():
        assert machine.text(OURS) == "ours, s3cret-looking\n"
        assert machine.parameters["net.core.somaxconn"] == "4096"
        assert yaml.safe_load(machine.text("/etc/windlass/kubelet/config.yaml"))["maxPods"] == 60
    assert IMPORT in world.machines["w-1"].host.files
    assert IMPORT not in world.machines["cp-1"].host.files
    assert world.run("apply_cluster", spec=spec(**SETTINGS)).results["gate"]["steps"] == []
    assert {name for name, drift in world.drift().items() if not drift.is_empty} == set()

    taken = world.run("apply_cluster", spec=spec(), auto_approve=True)

    assert taken.results["result"]["state"] == "done"
    for name, machine in world.machines.items():
        assert machine.text(OURS) == "theirs\n"
        assert machine.parameters["net.core.somaxconn"] == "128"
        left = machine.host.files
        assert {path for path in (PARAMETERS, IMPORT) if path in left} == set()
        unit = "/etc/windlass/kubelet/config.yaml"
        assert left[unit] == before[name][unit]
    assert world.run("apply_cluster", spec=spec()).results["gate"]["steps"] == []


def test_a_file_that_somebody_changes_is_put_right(new: New) -> None:
    world = new(spec(**SETTINGS))
    world.run("create_cluster", spec=spec(**SETTINGS))
    machine = world.machines["w-1"]
    machine.host.files[OURS] = RemoteFile(b"by hand\n")

    planned = world.run("apply_cluster", spec=spec(**SETTINGS), auto_approve=True)

    assert [step["does"] for step in planned.results["gate"]["steps"]] == [[f"w-1: files: {OURS}"]]
    assert machine.text(OURS) == "ours, s3cret-looking\n"


def test_a_proxy_comes_and_goes(new: New) -> None:
    world = new(spec())
    world.run("create_cluster", spec=spec())
    proxied = spec({"httpProxy": "http://proxy.example.com:3128"})

    run = world.run("apply_cluster", spec=proxied, auto_approve=True)

    assert run.results["result"]["state"] == "done"
    does = [line for step in run.results["gate"]["steps"] for line in step["does"]]
    assert {"w-1: drain", "w-1: kubelet restarted", "w-1: docker settings reloaded"} <= set(does)
    machine = world.machines["w-1"]
    assert "http://proxy.example.com:3128" in machine.text("/etc/windlass/proxy.env")
    assert world.run("apply_cluster", spec=proxied).results["gate"]["steps"] == []

    assert world.run("apply_cluster", spec=spec(), auto_approve=True).results["result"]["state"] == "done"
    assert not [path for path in machine.host.files if "proxy.env" in path or "docker.service.d" in path]
    assert world.run("apply_cluster", spec=spec()).results["gate"]["steps"] == []
