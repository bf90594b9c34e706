"""What a drill asks of a host: etcdutl on a snapshot, a throwaway etcd and a throwaway API server."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

from windlass.domain.backup import DatabaseContent, read_content
from windlass.effects.ssh.connection import CommandResult
from windlass.effects.ssh.fake import Call
from world.isolated_api import serve
from world.machine import Machine, refused
from world.scripts.script import Act, Arguments, ScriptError

_ETCD, _API = "windlass-drill-etcd", "windlass-drill-apiserver"
_SUM_BYTES = 32


def run(machine: Machine, call: Call) -> str | CommandResult:
    """Run a container: a tool once, or a server."""
    if "--detach" in call.argv:
        machine.step()
        machine.drills = machine.drills | {call.argv[call.argv.index("--name") + 1]}
        return "0123456789ab\n"
    words = call.argv[call.argv.index("etcdutl") + 2 :]
    snapshot = _snapshot(machine)
    if snapshot is None:
        return refused("snapshot file integrity check failed")
    if words[:2] == ("snapshot", "restore"):
        machine.step()
        machine.drills = machine.drills | {"restored"}
        return ""
    return json.dumps({"revision": _content(snapshot).revision})


def ask_etcd(machine: Machine, call: Call) -> str | CommandResult:
    """Answer etcdctl in the throwaway etcd."""
    if not {_ETCD, "restored"} <= machine.drills:
        return refused("No such container")
    if "hashkv" in call.argv:
        return f'"Hash" : {_content(_snapshot(machine) or b"").hash}\n'
    if "--count-only" not in call.argv:
        return ""
    found = _objects(machine)
    revision = next(word for word in call.argv if word.startswith("--rev=")).partition("=")[2]
    return f'"Revision" : {revision}\n"Count" : {len(found)}\n'


def _snapshot(machine: Machine) -> bytes | None:
    found = next((one for path, one in machine.received.items() if "/drills/" in path), b"")
    return found if machine.etcd.is_whole(found) else None


def _content(snapshot: bytes) -> DatabaseContent:
    return read_content(lambda offset, size: snapshot[:-_SUM_BYTES][offset : offset + size])


def _objects(machine: Machine) -> dict[tuple[str, str, str], dict[str, Any]]:
    snapshot = _snapshot(machine)
    assert snapshot is not None
    return machine.etcd.content_of(snapshot)


def clear(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Remove every trace."""
    if machine.drills:
        machine.step()
        machine.drills = set()
    machine.step()
    machine.received = {path: one for path, one in machine.received.items() if "/drills/" not in path}
    for path in [path for path in machine.host.files if "/drills/" in path]:
        del machine.host.files[path]
    yield from ()


def ask_api(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Answer as the throwaway API server."""
    if not {_ETCD, _API} <= machine.drills:
        raise ScriptError("Connection refused", 7)
    plural = re.findall(r"/api/v1/?([a-z]*)", arguments["path"])[0]
    found = [one["metadata"] for (name, _, _), one in sorted(_objects(machine).items()) if name == plural]
    yield json.dumps({"items": [{"metadata": one} for one in found], "metadata": {}})


def serve_isolated(machine: Machine, far: socket.socket) -> int:
    """Answer many requests as the throwaway API server."""
    if not {_ETCD, _API} <= machine.drills:
        return 7
    return serve(far, lambda: _objects(machine))


def show_secret(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Show how a Secret begins in etcd."""
    yield "k8s:enc:"


SCRIPTS: dict[str, Act] = {
    "remove-drills": clear,
    "ask-drill-api": ask_api,
    "show-stored-secret": show_secret,
}
