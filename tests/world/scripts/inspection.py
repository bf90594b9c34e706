"""The script that finds out what a host holds and runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from windlass.domain.host.layout import ENGINE_UNIT
from world.machine import Machine
from world.scripts.remediation import at_tick, inspect
from world.scripts.script import Act, Arguments

_VERSIONS = {
    "docker": (ENGINE_UNIT, r"/opt/windlass/docker-engine/([^/]+)/bin/dockerd\b"),
    "kubelet": ("/etc/systemd/system/kubelet.service", r"/opt/windlass/(v[^/]+)/bin/kubelet\b"),
    "containerd": (
        "/etc/systemd/system/windlass-containerd.service",
        r"/opt/windlass/containerd/([^/]+)/bin/containerd\b",
    ),
}


def inspect_host(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Tell what is unpacked, linked, loaded and runs."""
    yield "programs=known"
    yield from (f"program={path.rpartition('/')[2]}" for path in sorted(machine.artifacts))
    yield from _docker(machine, arguments)
    for path in arguments["links"]:
        if path in machine.links:
            yield f"link={path} {machine.links[path]}"
    for name, files in arguments["settings"].items():
        yield f"setting={machine.digest(files)}:{machine.applied(name.replace(' ', '-')) or ''}:{name}"
    for unit, reads in arguments["units"].items():
        yield from _unit(machine, unit, machine.digest(*reads))
    machine.note_writes()
    for path in arguments["read_once"]:
        at = f"{at_tick(machine.writes[path][1]).timestamp():.6f}" if path in machine.host.files else ""
        yield f"written={path} {at}"
    yield from (f"own={path}" for path in sorted(machine.own))
    yield "complete=yes"


def _docker(machine: Machine, arguments: Arguments) -> Iterator[str]:
    yield f"engine={'answers' if machine.is_docker_up else 'silent'}"
    if machine.is_docker_up:
        yield from inspect(machine, arguments)
        yield "images=docker"
        yield from (f"image=docker {image}" for image in arguments["images"] if image in machine.images)


def _unit(machine: Machine, unit: str, digest: str) -> Iterator[str]:
    is_active = machine.is_docker_up if unit == "docker" else unit in machine.units
    yield f"unit={unit}:{'active' if is_active else 'inactive'}:{digest}:{machine.applied(unit) or ''}"
    component = {"docker": "docker-engine"}.get(unit, unit.removeprefix("windlass-"))
    path, pattern = _VERSIONS[unit.removeprefix("windlass-")]
    if found := re.search(pattern, machine.text(path)):
        yield f"version={component} {found[1]}"
    if unit == "windlass-containerd" and unit in machine.units:
        yield "images=containerd"
        held = (one.removeprefix("pods ") for one in sorted(machine.images) if one.startswith("pods "))
        yield from (f"image=containerd {one}" for one in held)


SCRIPTS: dict[str, Act] = {"inspect-host": inspect_host}
