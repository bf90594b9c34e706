"""The script by which a roll looks at a host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from world.machine import STATE, Machine
from world.scripts.hosts import is_current
from world.scripts.script import Act, Arguments

_NAMES = ("io.windlass.component", "io.windlass.version", "io.windlass.digest")
_VERSIONS = {
    "kubelet": ("/etc/systemd/system/kubelet.service", r"/opt/windlass/(v[^/]+)/bin/kubelet\b"),
    "containerd": (
        "/etc/systemd/system/windlass-containerd.service",
        r"/opt/windlass/containerd/([^/]+)/bin/containerd\b",
    ),
}


def look(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Tell what runs, which images and links are there, which units run with what lies there."""
    for labels in machine.containers.values():
        if STATE not in labels and machine.is_docker_up:
            yield f"service {'|'.join(labels.get(name, '') for name in _NAMES)}"
    for image in arguments["images"]:
        if image in machine.images:
            yield f"image {image}"
    for path in arguments["links"]:
        if path in machine.links:
            yield f"link {path} {machine.links[path]}"
    if arguments["units"]:
        yield from _look_at_node(machine, arguments)


def _look_at_node(machine: Machine, arguments: Arguments) -> Iterator[str]:
    yield from (f"image {one.removeprefix('pods ')}" for one in sorted(machine.images) if one.startswith("pods "))
    for unit, reads in arguments["units"].items():
        yield from [f"unit {unit}"] if is_current(machine, unit, machine.digest(*reads)) else []
    for name, (path, pattern) in _VERSIONS.items():
        if found := re.search(pattern, machine.text(path)):
            yield f"version {name} {found[1]}"


def update_system(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Do what a hook of a spec does."""
    machine.step()
    machine.loaded["system"] = arguments["hook"]
    machine.step()
    yield "done"


SCRIPTS: dict[str, Act] = {"observe-rollout": look, "run-hook": update_system}
