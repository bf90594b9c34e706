"""Scripts of remediation: inspect a host, recreate a container, restart a unit, watch until something is healthy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.scripts.recreate import NO_COMPOSE_FILE
from windlass.domain.scripts.script import CHANGED
from world.etcd import DATA
from world.machine import EPOCH, STATE, Machine
from world.scripts.script import Act, Arguments, ScriptError
from world.scripts.stacks import note_proxy_config


def look(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Tell of units, containers, and what each service answers."""
    rounds = arguments["rounds"]
    for unit in arguments["units"]:
        yield f"unit={unit} {'active running S success' if _is_active(machine, unit) else 'inactive dead - success'}"
    if machine.is_docker_up:
        yield "engine=answers"
        yield from inspect(machine, arguments)
    for component in (*arguments["services"], *({"kubelet"} & set(arguments["units"]))):
        is_well = _is_active(machine, component) if component == "kubelet" else _is_well(machine, component)
        yield f"probe={component} ok 0" if is_well else f"probe={component} {rounds} 000 7"
    yield f"member_data={'yes' if DATA in machine.data else 'no'}"
    yield "free_kib=90000000"
    yield "complete=yes"


def _is_active(machine: Machine, unit: str) -> bool:
    return unit not in machine.ill and (machine.is_docker_up if unit == "docker" else unit in machine.units)


def _is_well(machine: Machine, service: str) -> bool:
    return machine.serves(service) and (service != "etcd" or machine.etcd.up(machine) is not None)


def inspect(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Tell all about each container."""
    for (project, service), labels in machine.containers.items():
        started = at_tick(machine.starts.get((project, service), 0))
        yield json.dumps(inspected(service, labels, machine.made[project, service], started))


def at_tick(tick: int) -> datetime:
    """Return the time of a machine's tick."""
    return EPOCH + timedelta(microseconds=tick)


def inspected(
    service: str, labels: Mapping[str, str], made: Mapping[str, Any], started: datetime = EPOCH
) -> dict[str, Any]:
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
        "State": {"Status": labels.get(STATE, "running"), "ExitCode": 0, "StartedAt": started.isoformat()},
        "HostConfig": {**host, "ReadonlyRootfs": made["read_only"]},
    }


def recreate(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Make one container again."""
    stack, service = arguments["stack"], arguments["component"]
    if not machine.text(f"/etc/windlass/stacks/{stack}/compose.yaml"):
        raise ScriptError("there is no Compose file", NO_COMPOSE_FILE)
    if machine.containers.get((f"windlass-{stack}", service)):
        machine.step()
        del machine.containers[f"windlass-{stack}", service]
    machine.step()
    machine.create(stack, service)
    note_proxy_config(machine, service)
    yield f"{CHANGED}container {service}"


def restart_unit(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Start a unit again, with what lies on the host."""
    unit = arguments["unit"]
    machine.step()
    machine.units = machine.units | {unit}
    machine.ill = machine.ill - {unit}
    machine.loaded[unit] = machine.digest(*machine.reads[unit])
    yield f"{CHANGED}unit {unit}"


def watch(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """End well once all containers do."""
    services = [service for _, service in machine.containers]
    if machine.ill or not all(_is_well(machine, service) for service in services):
        raise ScriptError("")
    yield from ()


SCRIPTS: dict[str, Act] = {
    "check-health": look,
    "wait-until-healthy": watch,
    "recreate-container": recreate,
    "restart-unit": restart_unit,
}
