"""The script that finds out what a host holds and runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from world.machine import Machine
from world.scripts.hosts import READS
from world.scripts.remediation import inspect
from world.scripts.script import Script

_VERSIONS = {
    "kubelet": ("/etc/systemd/system/kubelet.service", r"/opt/windlass/(v[^/]+)/bin/kubelet\b"),
    "containerd": (
        "/etc/systemd/system/windlass-containerd.service",
        r"/opt/windlass/containerd/([^/]+)/bin/containerd\b",
    ),
}


def inspect_host(machine: Machine, script: str) -> Iterator[str]:
    """Tell what is unpacked, linked, loaded and runs."""
    yield "programs=known"
    yield from (f"program={path.rpartition('/')[2]}" for path in sorted(machine.artifacts))
    yield from _docker(machine, script)
    for path in re.findall(r"^\[ ! -L (\S+) \]", script, re.MULTILINE):
        if path in machine.links:
            yield f"link={path} {machine.links[path]}"
    for files, binaries, rest in READS.findall(script):
        digest = machine.digest(shlex.split(files), shlex.split(binaries))
        if setting := re.search(r':([a-z ]+)"$', rest.splitlines()[0]):
            yield f"setting={digest}:{machine.applied(setting[1].replace(' ', '-')) or ''}:{setting[1]}"
        else:
            yield from _unit(machine, re.findall(r'say unit "([^:]+):', rest)[0], digest)
    yield "complete=yes"


def _docker(machine: Machine, script: str) -> Iterator[str]:
    yield f"engine={'answers' if machine.is_docker_up else 'silent'}"
    if machine.is_docker_up:
        yield from inspect(machine, script)
        yield "images=docker"
        asked = re.findall(r"docker image inspect (\S+) >", script)
        yield from (f"image=docker {image}" for image in asked if image in machine.images)


def _unit(machine: Machine, unit: str, digest: str) -> Iterator[str]:
    state = "active" if unit in machine.units else "inactive"
    yield f"unit={unit}:{state}:{digest}:{machine.applied(unit) or ''}"
    path, pattern = _VERSIONS[unit.removeprefix("windlass-")]
    if found := re.search(pattern, machine.text(path)):
        yield f"version={unit.removeprefix('windlass-')} {found[1]}"
    if unit == "windlass-containerd" and unit in machine.units:
        yield "images=containerd"
        held = (one.removeprefix("pods ") for one in sorted(machine.images) if one.startswith("pods "))
        yield from (f"image=containerd {one}" for one in held)


SCRIPTS: dict[str, Script] = {"say engine $engine": inspect_host}
