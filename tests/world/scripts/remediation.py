"""Scripts of repair: look at all of a host, make a container anew, restart a unit, watch until something is well."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from windlass.domain.scripts.install import CHANGED
from world.etcd import DATA
from world.machine import STATE, Machine
from world.scripts.script import Script, ScriptError

_STARTED = "2026-11-01T08:00:00Z"
_NO_COMPOSE_FILE = 66


def look(machine: Machine, script: str) -> Iterator[str]:
    """Tell of units, containers, and what each service answers."""
    rounds = re.findall(r"rounds=(\d)", script)[0]
    for unit in re.findall(r"^unit ([a-z-]+)$", script, re.MULTILINE):
        yield f"unit={unit} {'active running S success' if _is_active(machine, unit) else 'inactive dead - success'}"
    if machine.is_docker_up:
        yield "engine=answers"
        yield from inspect(machine, script)
    for thing in re.findall(r"^probe (\S+) ", script, re.MULTILINE):
        is_well = _is_active(machine, thing) if thing == "kubelet" else _is_well(machine, thing)
        yield f"probe={thing} ok 0" if is_well else f"probe={thing} {rounds} 000 7"
    yield f"member_data={'yes' if DATA in machine.data else 'no'}"
    yield "free_kib=90000000"
    yield "complete=yes"


def _is_active(machine: Machine, unit: str) -> bool:
    return unit not in machine.ill and (machine.is_docker_up if unit == "docker" else unit in machine.units)


def _is_well(machine: Machine, service: str) -> bool:
    return machine.serves(service) and (service != "etcd" or machine.etcd.up(machine) is not None)


def inspect(machine: Machine, script: str) -> Iterator[str]:
    """Tell all about each container."""
    for (project, service), labels in machine.containers.items():
        yield json.dumps(inspected(service, labels, machine.made[project, service]))


def inspected(service: str, labels: Mapping[str, str], made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Docker says of a container that was made from a Compose service."""
    mounts = [
        {"Type": "bind", "Source": one["source"], "Destination": one["target"], "RW": not one.get("read_only")}
        for one in made.get("volumes", [])
    ]
    config = {"Image": made["image"], "Labels": labels, "Entrypoint": made["entrypoint"], "Cmd": made["command"]}
    host = {"RestartPolicy": {"Name": made["restart"]}, "NetworkMode": made["network_mode"]}
    return {
        "Id": "0",
        "Name": f"/windlass-{service}",
        "Mounts": mounts,
        "Config": config,
        "State": {"Status": labels.get(STATE, "running"), "ExitCode": 0, "StartedAt": _STARTED},
        "HostConfig": {**host, "ReadonlyRootfs": made["read_only"]},
    }


def recreate(machine: Machine, script: str) -> Iterator[str]:
    """Make one container anew."""
    stack, service = re.findall(r"-p windlass-(\S+) -f .*--force-recreate (\S+) ", script)[0]
    if not machine.text(f"/etc/windlass/stacks/{stack}/compose.yaml"):
        raise ScriptError("there is no Compose file", _NO_COMPOSE_FILE)
    if machine.containers.get((f"windlass-{stack}", service)):
        machine.step()
        del machine.containers[f"windlass-{stack}", service]
    machine.step()
    machine.create(stack, service)
    yield f"{CHANGED}container {service}"


def restart_unit(machine: Machine, script: str) -> Iterator[str]:
    """Start a unit again, with what lies on the host."""
    unit = re.findall(r"systemctl reset-failed (\S+)", script)[0]
    machine.step()
    machine.units = machine.units | {unit}
    machine.ill = machine.ill - {unit}
    machine.loaded[unit] = machine.digest(*machine.reads[unit])
    yield f"{CHANGED}unit {unit}"


def watch(machine: Machine, script: str) -> Iterator[str]:
    """End well once all containers do."""
    services = [service for _, service in machine.containers]
    if machine.ill or not all(_is_well(machine, service) for service in services):
        raise ScriptError("")
    yield from ()


SCRIPTS: dict[str, Script] = {
    "say engine answers": look,
    "passes=0": watch,
    "--force-recreate": recreate,
    "systemctl reset-failed": restart_unit,
}
