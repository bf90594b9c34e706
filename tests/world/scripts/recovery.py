"""Scripts of a disaster recovery, and the command that takes a snapshot from a stream."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from windlass.domain.scripts.restore import MARK
from windlass.domain.scripts.script import CHANGED
from windlass.effects.ssh.connection import RemoteFile
from world.deaths import Killed
from world.etcd import DATA, Data, url
from world.machine import Machine
from world.scripts.script import Act, Arguments, ScriptError


def tell_stage(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Say how far a recovery has come."""
    name = arguments["recovery"]
    if machine.text(MARK).strip() == name:
        yield "stage=switched"
    elif f"restore-{name}" in machine.data:
        yield "stage=restored"
    if DATA in machine.data:
        yield "old=yes"
    yield "free=90000000"


def receive(machine: Machine, far: socket.socket) -> int:
    """Take what a stream brings; a process that dies meanwhile leaves half of it."""
    script = machine.host.calls[-1].script
    assert script is not None
    path = script.arguments["path"]
    content = b"".join(iter(lambda: far.recv(65536), b""))
    machine.received = {**machine.received, path: content[: len(content) // 2]}
    try:
        machine.step()
    except Killed:
        return 1
    machine.received = {**machine.received, path: content}
    return 0


def restore(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Restore the snapshot that was received, beside what is there."""
    name = arguments["id"]
    if f"restore-{name}" in machine.data:
        return
    snapshot = machine.received.get(f"/var/lib/windlass/etcd/restore-{name}/snapshot.db", b"")
    machine.step()
    number = machine.etcd.restored(snapshot, arguments["initial_cluster"], arguments["token"], arguments["bump"])
    if number is None:
        raise ScriptError("snapshot file integrity check failed")
    members = machine.etcd.clusters[number].members
    mine = next(one.member_id for one in members.values() if url(machine) in one.peer_urls)
    machine.received = {path: one for path, one in machine.received.items() if f"restore-{name}/" not in path}
    machine.data = {**machine.data, f"restore-{name}": Data(number, mine)}
    yield f"{CHANGED}restored the snapshot beside the old data"


def stop(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Stop the control plane, then etcd."""
    for stack in ("control-plane", "etcd"):
        running = [service for project, service in machine.containers if project == f"windlass-{stack}"]
        for service in running:
            if machine.state_of(service) != "exited":
                machine.step()
                machine.end(service)
        yield from [f"{CHANGED}stopped {stack}"] if running else []


def switch(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Put the restored data in the old one's place."""
    name = arguments["recovery"]
    if f"restore-{name}" in machine.data:
        if DATA in machine.data:
            machine.step()
            machine.data = {f"member.before-{name}" if key == DATA else key: one for key, one in machine.data.items()}
        machine.step()
        machine.data = {DATA if key == f"restore-{name}" else key: one for key, one in machine.data.items()}
        yield f"{CHANGED}put the restored data in place"
    machine.step()
    machine.host.files[MARK] = RemoteFile(f"{name}\n".encode())
    machine.step()
    machine.data = {key: one for key, one in machine.data.items() if not key.startswith("restore-")}
    machine.received = {path: one for path, one in machine.received.items() if "/restore-" not in path}


SCRIPTS: dict[str, Act] = {
    "check-restore": tell_stage,
    "restore-snapshot": restore,
    "stop-control-plane": stop,
    "switch-data": switch,
}
