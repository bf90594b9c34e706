"""The process that watches a thousand clusters, as a triggerer does: the trigger itself, over real and fake lines.

Run as a process of its own: `python -m bench.watched_fleet PORT HOST_KEY CLUSTERS REAL SECONDS S3_PORT`. It prints one
line of JSON: how many hosts were real and fake, CPU, memory and calls of the store while all was quiet, and the delays
of what was found.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import airflow.jobs.triggerer_job_runner  # noqa: F401 - what a triggerer has in memory counts too
import psutil

from bench.local_servers import store_config
from bench.loopback_hosts import loopback
from windlass.airflow.triggers.health import ClusterHealthTrigger
from windlass.domain.health import CheckReader
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import Cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.probe.simulated import SimulatedWorld
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.listening import Line, Listener, SshDialler
from windlass.effects.store import AuthenticatedStore, ClusterRecords, S3Store
from windlass.operations.health.fleet import Fleet, Shard
from windlass.operations.health.monitor import FleetMonitor

CATALOG = Path(__file__).parents[1] / "include" / "templates" / "kubernetes"
INTERVAL, THRESHOLD = 5.0, 3
ROLES = ("etcd, control-plane",) * 3 + ("worker",) * 3
API_PORT, KUBELET_PORT = 6443, 10250
FAILURES = 8
"""Failures of each kind of host, one after another."""


@dataclass
class Dialler:
    """Real SSH to the first clusters, the fake transport to the others."""

    real: SshDialler
    fake: SimulatedWorld

    async def dial(self, target: SshTarget, argv: Sequence[str], listener: Listener) -> Line:
        """See windlass.effects.ssh.listening.Dialler."""
        dialler: SshDialler | SimulatedWorld = self.real if target.address.startswith("127.") else self.fake
        return await dialler.dial(target, argv, listener)

    async def close(self) -> None:
        """Drop what is shared."""
        await self.real.close()


@dataclass
class Bench:
    """One run."""

    port: int
    host_key: str
    clusters: int
    real: int
    s3_port: int
    found: dict[tuple[str, str], float] = field(default_factory=dict)

    def address(self, number: int, host: int) -> str:
        """Return the address of a host."""
        return f"10.{1 + number // 250}.{number % 250}.{10 + host}"

    def spec(self, number: int) -> str:
        """Return the spec of a cluster of 3 + 3 hosts, looked at every 5 s."""
        members = "\n".join(
            f"      - {{name: h-{host}, address: {self.address(number, host)}, roles: [{roles}]}}"
            for host, roles in enumerate(ROLES)
        )
        slow = "\n".join(
            f"    {name}: {{intervalSeconds: {INTERVAL}}}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "api-proxy")
        )
        return (
            "apiVersion: windlass/v1\nkind: Cluster\n"
            f"metadata: {{name: c-{number}}}\nspec:\n  kubernetes: {{version: v1.37.2}}\n"
            f"  hosts:\n    ssh: {{port: {self.port}}}\n    members:\n{members}\n  health:\n{slow}\n"
            # None is taken here; by the default one the first would be overdue before the end.
            "  backup: {schedule: '0 * * * *'}\n"
        )

    def logins(self, cluster: Cluster) -> list[SshTarget]:
        """Return the logins on a cluster's hosts; real ones are reached at the same address on loopback."""
        known, is_real = f"* {self.host_key}", int(cluster.name.removeprefix("c-")) < self.real
        return [
            SshTarget(
                host.name, loopback(host.address) if is_real else host.address, "ops", LOGIN_KEY, self.port, (known,)
            )
            for host in cluster.spec.hosts.members
        ]


LOGIN_KEY = ""


class CountingStore(S3Store):
    """The store as triggerers have it, which counts the requests that go to its server."""

    def __init__(self, s3_port: int) -> None:
        super().__init__(store_config(s3_port))
        self.calls = 0
        self._client.meta.events.register("before-send.s3", self._count)

    def _count(self, **_: object) -> None:
        self.calls += 1


class Trigger(ClusterHealthTrigger):
    """The trigger as it is, over the lines of this bench."""

    def __init__(self, watching: FleetMonitor) -> None:
        super().__init__()
        self._watching = watching

    async def fleet_monitor(self) -> FleetMonitor:
        """See ClusterHealthTrigger."""
        return self._watching


async def run(bench: Bench, seconds: float) -> dict[str, object]:
    """Watch all clusters, measure while all is quiet, then let one thing after another fail."""
    counted = CountingStore(bench.s3_port)
    store = AuthenticatedStore.by(counted, MasterKeys.parse(new_master_key().reveal()))
    for number in range(bench.clusters):
        ClusterRecords(store, f"c-{number}").save_spec(bench.spec(number))
    fleet = Fleet(store, load_catalog(CATALOG), bench.logins, Shard(), CheckReader())
    world = SimulatedWorld(seed=2)
    fleet_monitor = FleetMonitor(fleet, Dialler(SshDialler(), world))

    async def collect() -> None:
        async for event in Trigger(fleet_monitor).run():
            for finding in event.payload["findings"]:
                bench.found.setdefault((finding["cluster"], finding["host"]), time.monotonic())

    task = asyncio.create_task(collect())
    began = time.monotonic()
    await _until(
        lambda: _healthy(fleet_monitor) == bench.clusters, 600, lambda: f"{_healthy(fleet_monitor)} clusters healthy"
    )
    ready = time.monotonic() - began
    await asyncio.sleep(15)
    calls = counted.calls
    figures = await _quiet(seconds)
    figures["store_calls_per_s"] = (counted.calls - calls) / seconds
    delays = {
        "fake": await _failures(bench, world, range(bench.real, bench.clusters)),
        "real": await _failures(bench, world, range(bench.real)),
    }
    false = len(bench.found) - sum(len(one) for one in delays.values())
    task.cancel()
    await asyncio.wait([task])
    hosts = {"real_hosts": bench.real * len(ROLES), "fake_hosts": (bench.clusters - bench.real) * len(ROLES)}
    return {**hosts, "ready_s": ready, **figures, "delays": delays, "false": false}


def _healthy(fleet_monitor: FleetMonitor) -> int:
    return sum(monitor.watch.is_healthy for monitor in fleet_monitor.monitors)


async def _quiet(seconds: float) -> dict[str, float]:
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    lags: list[float] = []
    while time.monotonic() - begun < seconds:
        asked = time.monotonic()
        await asyncio.sleep(0.1)
        lags.append(time.monotonic() - asked - 0.1)
    after, took = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - begun
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rss = psutil.Process().memory_info().rss / 2**20
    return {"cores": cpu / took, "rss_mib": rss, "longest_block_s": max(lags)}


async def _failures(bench: Bench, world: SimulatedWorld, clusters: range) -> list[float]:
    """End something in some of `clusters`, and return how long it took until each was found."""
    delays = []
    step = max(1, len(clusters) // FAILURES)
    for turn, number in enumerate(clusters[::step][:FAILURES]):
        host, port = (turn % 3, API_PORT) if turn % 2 else (3 + turn % 3, KUBELET_PORT)
        address = bench.address(number, host)
        began = time.monotonic()
        if number < bench.real:
            print(f"end {address} {port}", flush=True)
        else:
            world.end(address, port)
        key = (f"c-{number}", f"h-{host}")
        await _until(lambda key=key: key in bench.found, 60, lambda key=key: f"{key} not found")  # type: ignore[misc]
        delays.append(bench.found[key] - began)
    return delays


async def _until(condition, seconds, doing) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {doing()}")
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    port, key, clusters, real, seconds, s3_port = sys.argv[1:]
    LOGIN_KEY = sys.stdin.read()
    result = asyncio.run(run(Bench(int(port), key, int(clusters), int(real), int(s3_port)), float(seconds)))
    print(f"result {json.dumps(result)}", flush=True)
