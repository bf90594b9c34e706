"""What a machine answers to a command; a new kind of command is added to COMMANDS."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
from collections.abc import Callable, Mapping

from windlass.domain.host.layout import API_PORT, ETCD_CLIENT_PORT, PROXY_STATUS_PORT, STACKS
from windlass.effects.ssh.connection import CommandResult
from windlass.effects.ssh.fake import Call, UnscriptedError
from windlass.operations.rollout.control_plane_ready import CONTROLLERS
from world.machine import PROJECT, STATE, Machine, refused
from world.scripts import ScriptError, drills, run_script
from world.scripts.recovery import receive

__all__ = ["COMMANDS", "answer", "receive"]

Command = Callable[[Machine, Call], str | CommandResult]


def run_shell(machine: Machine, call: Call) -> str | CommandResult:
    """Run a script; what it printed before it failed counts."""
    if call.script is None:
        raise UnscriptedError(f"{machine.name}: nothing in world.commands knows {list(call.argv)}")
    if call.script.name == "pack-stacks":
        packed, files = call.script.arguments["stacks"], machine.files_below(STACKS)
        return _packed({name: one for name, one in files.items() if name.partition("/")[0] in packed})
    printed: list[str] = []
    try:
        printed += run_script(machine, call.script)
    except ScriptError as error:
        return CommandResult(error.code, "\n".join(printed), f"{error}\n")
    return "".join(f"{line}\n" for line in printed)


def _packed(files: Mapping[str, bytes]) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return base64.b64encode(packed.getvalue()).decode()


def list_containers(machine: Machine, call: Call) -> str | CommandResult:
    """Answer `docker ps` with the labels that its format asks for."""
    if not machine.is_docker_up:
        return refused("Cannot connect to the Docker daemon")
    asked = re.findall(r'\.Label "([^"]+)"', call.argv[-1])
    shown = [name for name in asked if name != PROJECT]
    running = [one for one in machine.containers.values() if STATE not in one]
    return "".join("=".join(one.get(name, "") for name in shown) + "\n" for one in running)


def docker(machine: Machine, call: Call) -> str | CommandResult:
    """Answer Docker's command line."""
    known = {"ps": list_containers, "run": drills.run, "exec": drills.ask_etcd}
    return known[call.argv[1]](machine, call)


def curl(machine: Machine, call: Call) -> str | CommandResult:
    """Answer a request to the host itself: to the API server, to etcd, to the proxy or to what it tells of others."""
    if f":{API_PORT}/" in call.argv[-1]:
        is_up = machine.serves("kube-apiserver") and machine.etcd.current
        return "ok" if is_up else refused("Connection refused", 7)
    if f":{ETCD_CLIENT_PORT}/" in call.argv[-1]:
        return json.dumps({"etcdcluster": machine.etcd.version})
    for controller, port in CONTROLLERS.items():
        if f":{port}/" in call.argv[-1]:
            return "ok" if machine.serves(controller) else refused("Connection refused", 7)
    if f":{PROXY_STATUS_PORT}/" in call.argv[-1]:
        servers = [one for one in machine.etcd.machines.values() if one.state_of("kube-apiserver")]
        rows = [f"kube,{one.name},{'UP' if one.serves('kube-apiserver') else 'DOWN'}\n" for one in servers]
        return f"# pxname,svname,status\n{''.join(rows)}"
    return ask_proxy(machine, call)


def ask_proxy(machine: Machine, call: Call) -> str | CommandResult:
    """Answer through the host's own proxy: it runs wherever its stack is up."""
    return "ok" if machine.serves("api-proxy") else refused("Connection refused", 7)


COMMANDS: dict[str, Command] = {
    "sh": run_shell,
    "docker": docker,
    "curl": curl,
    "true": lambda machine, call: "",
    "mkdir": lambda machine, call: "",
    "df": lambda machine, call: "Filesystem blocks used available\n/dev/vda 1 1 90000000 1% /\n",
}
"""What answers a command, by the last part of its program's path."""


def answer(machine: Machine, call: Call) -> str | CommandResult:
    """Answer a command; UnscriptedError if nothing here knows it."""
    command = COMMANDS.get(call.argv[0].rpartition("/")[2])
    if command is None:
        raise UnscriptedError(f"{machine.name}: nothing in world.commands knows {list(call.argv)}")
    return command(machine, call)
