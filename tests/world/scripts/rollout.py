"""The script by which a roll looks at a host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from world.machine import STATE, Machine
from world.scripts.hosts import start_or_load
from world.scripts.script import Script

_NAMES = ("io.windlass.component", "io.windlass.version", "io.windlass.digest")
_VERSIONS = {
    "kubelet": ("/etc/systemd/system/kubelet.service", r"/opt/windlass/(v[^/]+)/bin/kubelet\b"),
    "containerd": (
        "/etc/systemd/system/windlass-containerd.service",
        r"/opt/windlass/containerd/([^/]+)/bin/containerd\b",
    ),
}


def look(machine: Machine, script: str) -> Iterator[str]:
    """Tell what runs, which images and links are there, which units run with what lies there."""
    for labels in machine.containers.values():
        if STATE not in labels and machine.is_docker_up:
            yield f"service {'|'.join(labels.get(name, '') for name in _NAMES)}"
    for image in re.findall(r"echo image (\S+)$", script, re.MULTILINE):
        if image in machine.images:
            yield f"image {image}"
    for path in re.findall(r"^\[ ! -L (\S+) \]", script, re.MULTILINE):
        if path in machine.links:
            yield f"link {path} {machine.links[path]}"
    if "images ls -q" in script:
        yield from _look_at_node(machine, script)


def _look_at_node(machine: Machine, script: str) -> Iterator[str]:
    yield from (f"image {one.removeprefix('pods ')}" for one in sorted(machine.images) if one.startswith("pods "))
    for part in script.split("| sed 's/^/unit /'"):
        yield from (f"unit {unit}" for unit in start_or_load(machine, part))
    for name, (path, pattern) in _VERSIONS.items():
        if found := re.search(pattern, machine.text(path)):
            yield f"version {name} {found[1]}"


def update_system(machine: Machine, script: str) -> Iterator[str]:
    """Do what a hook of a spec does."""
    machine.step()
    machine.loaded["system"] = script.splitlines()[-1]
    machine.step()
    yield "done"


SCRIPTS: dict[str, Script] = {"--format 'service {{": look, "apt-get upgrade": update_system}
