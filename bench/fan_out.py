"""What `true` on twenty hosts at once costs, compared with one host, over links of 50 ms."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

from bench.catalog import benchmark
from bench.figure import Bar, Figure, Peer
from bench.rounds import alternate, seconds
from bench.workbench import Workbench
from windlass.effects.ssh.connection import Connection, SshTarget
from windlass.effects.ssh.fan_out import on_each
from windlass.effects.ssh.pool import Connections
from windlass_lab.model import Lab

CONNECTIONS = 20
ROUND_TRIP_MS = 50
ROUNDS = 21


@benchmark("fan_out_ratio")
def measure(bench: Workbench) -> Iterator[Figure]:
    """Open twenty connections to the lab's hosts through a relay that delays, then time `true` on all and on one."""
    with slow_targets(bench.lab) as targets, Connections(targets) as connections:
        opened = on_each(connections.names, connections.get, doing="connect", max_workers=CONNECTIONS)
        all_ms, one_ms = alternate(
            lambda: seconds(lambda: _true_on_all(opened)) * 1000,
            lambda: seconds(lambda: opened[connections.names[0]].run(["true"])) * 1000,
            ROUNDS,
        )
    yield Figure("fan_out_ms", "ms", all_ms, peer=Peer("`true` on one host", one_ms))
    ratios = tuple(ours / theirs for ours, theirs in zip(all_ms, one_ms, strict=True))
    yield Figure("fan_out_ratio", "times one host", ratios, Bar(3))


def _true_on_all(opened: dict[str, Connection]) -> None:
    on_each(opened, lambda name: opened[name].run(["true"]), doing="true", max_workers=CONNECTIONS)


@contextmanager
def slow_targets(lab: Lab) -> Iterator[Sequence[SshTarget]]:
    """Give twenty ways to log in to the lab's hosts, each through a delayed link of its own."""
    direct = [lab.target(lab.hosts[number % len(lab.hosts)].name) for number in range(CONNECTIONS)]
    argv = [sys.executable, str(Path(__file__).with_name("slow_link.py")), str(ROUND_TRIP_MS)]
    argv += [f"{target.address}:{target.port}" for target in direct]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as relay:
        ports = [int(line) for line in islice(relay.stdout or (), len(direct))]
        yield [_through(target, number, port) for number, (target, port) in enumerate(zip(direct, ports, strict=True))]
        # Leaving the block closes the relay's standard input, and with that it ends.


def _through(target: SshTarget, number: int, port: int) -> SshTarget:
    key = target.known_hosts[0].partition(" ")[2]
    name = f"{target.name}-link-{number}"
    return replace(target, name=name, address="127.0.0.1", port=port, known_hosts=(f"[127.0.0.1]:{port} {key}",))
