"""What a machine answers to a command; a new kind of command is added to COMMANDS."""

from __future__ import annotations

import re
from collections.abc import Callable

from windlass.effects.transport.connection import CommandResult
from windlass.effects.transport.fake import Call, UnscriptedError
from world.machine import Machine, refused
from world.scripts import ScriptError, run_script

Command = Callable[[Machine, Call], str | CommandResult]


def run_shell(machine: Machine, call: Call) -> str | CommandResult:
    """Run a script from stdin; what it printed before it failed counts."""
    printed: list[str] = []
    try:
        printed += run_script(machine, (call.stdin or b"").decode())
    except ScriptError as error:
        return CommandResult(1, "\n".join(printed), f"{error}\n")
    return "".join(f"{line}\n" for line in printed)


def list_containers(machine: Machine, call: Call) -> str | CommandResult:
    """Answer `docker ps` with the labels that its format asks for."""
    if not machine.is_docker_up:
        return refused("Cannot connect to the Docker daemon")
    asked = re.findall(r'\.Label "([^"]+)"', call.argv[-1])
    shown = [name for name in asked if name != "com.docker.compose.project"]
    return "".join("=".join(one.get(name, "") for name in shown) + "\n" for one in machine.containers.values())


def ask_proxy(machine: Machine, call: Call) -> str | CommandResult:
    """Answer curl through the host's own proxy: it runs wherever its stack is up."""
    is_up = any(project == "windlass-api-proxy" for project, _ in machine.containers)
    return "ok" if is_up else refused("Connection refused", 7)


def kubectl(machine: Machine, call: Call) -> str | CommandResult:
    """Answer what verification runs in pods: a page, or the word that was written to the volume."""
    word = re.search(r"echo (\d+) > /data/word", call.argv[-1])
    return f"{word[1]}\n" if word else "windlass\n"


COMMANDS: dict[str, Command] = {
    "sh": run_shell,
    "docker": list_containers,
    "curl": ask_proxy,
    "kubectl": kubectl,
    "true": lambda machine, call: "",
}
"""What answers a command, by the last part of its program's path."""


def answer(machine: Machine, call: Call) -> str | CommandResult:
    """Answer a command; UnscriptedError if nothing here knows it."""
    command = COMMANDS.get(call.argv[0].rpartition("/")[2])
    if command is None:
        raise UnscriptedError(f"{machine.name}: nothing in world.commands knows {list(call.argv)}")
    return command(machine, call)
