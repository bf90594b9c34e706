"""Scripts that look at a host, and prepare it."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator

from windlass.domain.scripts.install import CHANGED
from world.machine import Machine
from world.scripts.script import Script, ScriptError


def tell_facts(machine: Machine, script: str) -> Iterator[str]:
    """Answer FACTS_SCRIPT."""
    docker = ["docker=20.10.24", "compose=v2.40.3"] if machine.is_docker_up else []
    cluster = [f"cluster={mark}"] if (mark := machine.text("/etc/windlass/cluster").strip()) else []
    yield from [
        "os_id=debian", "os_version=12", "os_name=Debian", "kernel=6.1.0", "arch=x86_64", "init=systemd",
        f"hostname={machine.name}", f"epoch={time.time()}", f"machine_id={machine.name}", "cpus=2",
        "memory_kib=8000000", "cgroup=2", "swap_known=yes", "cap_bounding=1ffffffffff", f"address={machine.address}",
        "disk=/var/lib 90000000", "disk=/var/lib/windlass 90000000", "nameserver=192.0.2.53", *docker, *cluster,
        *(f"tool={tool}" for tool in ("iptables", "curl", "conntrack", "mount", "nsenter")),
        "complete=yes",
    ]  # fmt: skip


def look_around(machine: Machine, script: str) -> Iterator[str]:
    """Reach everything, on a fast disk."""
    if "fsync_ns=" in script:
        yield "fsync_ns=100000"


def install(machine: Machine, script: str) -> Iterator[str]:
    """Fetch artifacts and link them."""
    for line in script.splitlines():
        if line.startswith("fetch "):
            _, directory, label, *_ = shlex.split(line)
            if directory not in machine.artifacts:
                machine.step()
                machine.artifacts.add(directory)
                yield f"{CHANGED}{label}"
        elif line.startswith("link "):
            _, target, path = shlex.split(line)
            if machine.links.get(path) != target:
                machine.step()
                machine.links[path] = target
                yield f"{CHANGED}{path}"


def install_docker(machine: Machine, script: str) -> Iterator[str]:
    """Install the engine's packages and start it."""
    if machine.has_docker and not machine.is_docker_unfinished:
        return
    machine.step()
    machine.is_docker_unfinished = True
    machine.step()
    machine.has_docker = True
    machine.step()
    machine.load_docker_settings()
    machine.step()
    machine.is_docker_unfinished = False
    yield f"{CHANGED}docker engine"


def make_directories(machine: Machine, script: str) -> Iterator[str]:
    """Make directories with their modes."""
    for path, mode in re.findall(r"mkdir -p (\S+); chmod (\d+) ", script):
        if machine.directories.get(path) != int(mode, 8):
            machine.step()
            machine.directories[path] = int(mode, 8)
            yield f"{CHANGED}{path}"


def pull_images(machine: Machine, script: str) -> Iterator[str]:
    """Pull images into Docker or the pods' containerd."""
    for desired in re.findall(r"docker pull -q (\S+)", script):
        if desired in machine.images:
            continue
        if not machine.is_docker_up or not machine.may_pull_from(desired.partition("/")[0]):
            raise ScriptError(f"cannot pull {desired}: server gave HTTP response to HTTPS client")
        machine.step()
        machine.images.add(desired)
        yield f"{CHANGED}image {desired}"
    for desired in re.findall(r"pull --local --hosts-dir \S+ (\S+)", script):
        if f"pods {desired}" not in machine.images:
            if "windlass-containerd" not in machine.units:
                raise ScriptError(f"cannot pull {desired}: no containerd")
            machine.step()
            machine.images.add(f"pods {desired}")
            yield f"{CHANGED}image {desired}"


READS = re.compile(
    r"digest=\$\( \{ find (.*?) -type f .*?; (?:readlink -f (.*?)|:)\n  \}.*?\n(.*?)(?=\ndigest=|\Z)", re.DOTALL
)


def start_or_load(machine: Machine, script: str) -> Iterator[str]:
    """Start units and load settings whose files changed."""
    for files, binaries, rest in READS.findall(script):
        digest = machine.digest(shlex.split(files), shlex.split(binaries))
        if unit := re.search(r"systemctl is-active --quiet (\S+); then exit 0", rest):
            machine.reads[unit[1]] = (shlex.split(files), shlex.split(binaries))
            yield from _unit(machine, unit[1], digest)
        else:
            yield from _settings(machine, re.findall(rf'echo "{CHANGED}(.+)"', rest)[-1], digest)


_KUBELET = re.compile(r"/opt/windlass/(v[^/]+)/bin/kubelet\b")


def _unit(machine: Machine, unit: str, digest: str) -> Iterator[str]:
    if machine.applied(unit) != digest or unit not in machine.units:
        machine.step()
        machine.units.add(unit)
        machine.ill = machine.ill - {unit}
        machine.loaded[unit] = digest
        if unit == "kubelet":
            machine.loaded["kubelet version"] = _KUBELET.findall(machine.text("/etc/systemd/system/kubelet.service"))[0]
        machine.step()
        machine.note_applied(unit, digest)
        yield f"{CHANGED}unit {unit}"


def _settings(machine: Machine, what: str, digest: str) -> Iterator[str]:
    if machine.applied(what.replace(" ", "-")) == digest:
        return
    machine.step()
    if what == "docker settings":
        machine.load_docker_settings()
    else:
        machine.loaded["kernel"] = machine.text("/etc/sysctl.d/90-windlass.conf")
    machine.step()
    machine.note_applied(what.replace(" ", "-"), digest)
    yield f"{CHANGED}{what}"


SCRIPTS: dict[str, Script] = {
    "say complete yes": tell_facts,
    "unreached=": look_around,
    "dpkg --force-confold": install_docker,
    "fetch() {": install,
    "digest=$(": start_or_load,
    "trap 'rm -rf $work' EXIT": pull_images,
    "stat -c %a": make_directories,
}
