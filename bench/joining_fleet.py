"""The process in which a run of `apply_cluster` has a hundred workers join, on hosts and an API in memory.

Run as a process of its own, with tests/ among its paths and a home for Airflow: `python -m bench.joining_fleet PORT
HOST_KEY WORKERS`, the login key on standing input. All that goes to a host goes to a real SSH server on loopback first,
over the client that operations use, and takes as long on the host as it does on one of the lab. Last it prints the
seconds of each task as one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from bench.loopback_hosts import loopback
from windlass.domain.scripts.script import CHANGED, Script
from windlass.effects.ssh.client import SshConnection, connect
from windlass.effects.ssh.connection import RemoteFile, SshTarget
from windlass.effects.ssh.fake import FakeHost
from windlass.effects.ssh.fake_connection import FakeConnection
from windlass.effects.ssh.pool import Connections
from world import World

_PLANES = ("cp-1", "cp-2", "cp-3")
_HOST_SECONDS: Mapping[str, float] = {
    "install-host": 5.0,
    "pull-images": 5.0,
    "start-stack": 2.0,
    "start-unit": 1.0,
    "kubectl": 0.5,
}
"""How long what is begun by this name takes on a host; what changes nothing, and all else, is done at once."""


@dataclass(frozen=True)
class Wire:
    """How the SSH servers are reached."""

    port: int
    host_key: str
    login_key: str

    def target(self, name: str, address: str) -> SshTarget:
        """Return the login on the server that stands for a host."""
        return SshTarget(name, loopback(address), "root", self.login_key, self.port, (f"* {self.host_key}",))


class CarriedConnection(FakeConnection):
    """A connection to a host in memory, for which everything takes its way over SSH first."""

    def __init__(self, fake: FakeHost, wire: SshConnection) -> None:
        super().__init__(fake)
        self._wire = wire

    def run(self, argv: Sequence[str], *, stdin: bytes | None = None, **options: Any) -> Any:
        """Run a command."""
        name = argv[0].rpartition("/")[2]
        self._carry(name, stdin or b"")
        time.sleep(_HOST_SECONDS.get(name, 0.0))
        return super().run(argv, stdin=stdin, **options)

    def run_script(self, script: Script, **options: Any) -> Any:
        """Run a script."""
        self._carry(script.name, script.stdin)
        result = super().run_script(script, **options)
        if CHANGED in result.stdout:
            time.sleep(_HOST_SECONDS.get(script.name, 0.0))
        return result

    def put(self, path: str, content: bytes, **options: Any) -> bool:
        """Write a file."""
        self._carry("put", content)
        return super().put(path, content, **options)

    def put_tree(self, path: str, files: Mapping[str, RemoteFile]) -> bool:
        """Write files."""
        self._carry("put", b"".join(file.content for file in files.values()))
        return super().put_tree(path, files)

    def read(self, path: str) -> bytes | None:
        """Read a file."""
        self._carry("read", b"")
        return super().read(path)

    def stat(self, paths: Sequence[str]) -> Any:
        """Look at files."""
        self._carry("stat", "\0".join(paths).encode())
        return super().stat(paths)

    def close(self) -> None:
        """Close both."""
        self._wire.close()
        super().close()

    def _carry(self, name: str, content: bytes) -> None:
        _SEEN[name] += 1
        self._wire.run(["true"], stdin=content)


_SEEN: dict[str, int] = defaultdict(int)
"""How often what was begun by each name."""


class CarriedWorld(World):
    """The world of the tests, with SSH between operations and hosts."""

    wire: Wire

    def connections(self) -> Connections:
        """Return connections to all hosts, as a new process would make them."""
        targets = [self.wire.target(one.name, one.address) for one in self.machines.values()]
        return Connections(targets, lambda target: CarriedConnection(self.machines[target.name].host, connect(target)))


def spec(workers: int) -> str:
    """Return a cluster of three hosts of etcd and control plane, and so many workers."""
    members = [
        {"name": name, "address": f"10.9.0.{number}", "roles": ["etcd", "control-plane"]}
        for number, name in enumerate(_PLANES, 11)
    ]
    members += [
        {"name": f"w-{number}", "address": f"10.9.1.{number}", "roles": ["worker"]} for number in range(1, workers + 1)
    ]
    document = {
        "apiVersion": "windlass/v1",
        "kind": "Cluster",
        "metadata": {"name": "bench"},
        "spec": {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}},
    }
    return yaml.safe_dump(document)


@contextmanager
def _world(wire: Wire, workers: int) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        world = CarriedWorld(spec(workers))
        world.wire = wire
        world.install(patch)
        yield world


def join(wire: Wire, workers: int) -> dict[str, float]:
    """Create a cluster without workers, have all of them join, and return the seconds of each task."""
    took: dict[str, float] = {}
    with _world(wire, workers) as world:
        world.run("create_cluster", spec=spec(0))
        _SEEN.clear()
        run = world.begin("apply_cluster", spec=spec(workers), auto_approve=True, allow_untested=True)
        for task in world.tasks(run):
            began = time.monotonic()
            world.execute(task, run)
            took[task.task_id] = round(time.monotonic() - began, 2)
        nodes = [name for plural, _, name in world.etcd.objects if plural == "nodes"]
    if run.results["result"]["state"] != "done" or len(nodes) != workers + len(_PLANES):
        raise AssertionError(f"{len(nodes)} nodes after {run.results['result']}")
    print(f"begun on hosts: {dict(_SEEN)}", file=sys.stderr)
    return took


if __name__ == "__main__":
    given = Wire(int(sys.argv[1]), sys.argv[2], sys.stdin.read())
    print(json.dumps(join(given, int(sys.argv[3]))))
