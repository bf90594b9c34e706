"""What one command on a host costs over a connection that is open; the peer is OpenSSH with a shared session."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.catalog import benchmark
from bench.figure import Bar, Figure, Peer
from bench.rounds import alternate, seconds
from bench.workbench import Workbench, run_here
from windlass.effects.ssh.client import connect
from windlass_lab.model import Lab

COMMANDS = 100
ROUNDS = 5


@benchmark("ssh_command_ms")
def measure(bench: Workbench) -> Iterator[Figure]:
    """Run `true` a hundred times on one host, by the transport and by `ssh` with a control socket, in turn."""
    host = bench.lab.hosts[0].name
    connection = connect(bench.lab.target(host))
    try:
        with control_socket(bench.lab, host) as ssh:
            ours, theirs = alternate(
                lambda: _each_ms(lambda: connection.run(["true"])),
                lambda: _each_ms(lambda: run_here([*ssh, "true"])),
                ROUNDS,
            )
    finally:
        connection.close()
    yield Figure("ssh_command_ms", "ms", ours, Bar(15), Peer("ssh with ControlMaster", theirs))


@contextmanager
def control_socket(lab: Lab, host: str) -> Iterator[list[str]]:
    """Open a shared session of OpenSSH's client to a host; give the words that run a command through it."""
    with tempfile.TemporaryDirectory() as directory:
        ssh = ["ssh", "-F", str(lab.directory / "ssh_config"), "-o", f"ControlPath={Path(directory, 'control')}", host]
        run_here([*ssh[:-1], "-o", "ControlMaster=yes", "-o", "ControlPersist=yes", "-f", "-N", host])
        try:
            yield ssh
        finally:
            run_here([*ssh[:-1], "-O", "exit", host])


def _each_ms(command: Callable[[], object]) -> float:
    return seconds(lambda: [command() for _ in range(COMMANDS)]) * 1000 / COMMANDS
