"""Scripts that look at a host, and prepare it."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator

from windlass.domain.host.layout import (
    API_PROXY,
    DOCKER_BEFORE,
    DOCKER_DAEMON,
    ENGINE_MARK,
    ENGINE_UNIT,
    HOST_RECORD,
    PROXY_SERVICE,
    PROXY_TRUST,
    SEALED_PKI,
)
from windlass.domain.scripts.preflight import UNREACHED
from windlass.domain.scripts.script import CHANGED
from windlass.effects.ssh.connection import RemoteFile
from world.machine import Machine
from world.scripts.script import Act, Arguments, ScriptError
from world.scripts.stacks import note_proxy_config


def tell_facts(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Tell what the host is."""
    docker = ["docker=29.8.1", "compose=v2.40.3"] if machine.is_docker_up else []
    if docker and machine.text(ENGINE_UNIT).startswith(ENGINE_MARK):
        docker.append("docker_from=windlass")
    cluster = [f"cluster={mark}"] if (mark := machine.text("/etc/windlass/cluster").strip()) else []
    kept = machine.host.files.get(SEALED_PKI)
    if kept is not None and kept.content.startswith(b'{"windlass"'):
        cluster.append(f"store_marks={base64.b64encode(b''.join(kept.content.splitlines(keepends=True)[:3])).decode()}")
    yield from [
        "os_id=debian", "os_version=12", "os_name=Debian", "kernel=6.1.0", f"arch={machine.arch}", "init=systemd",
        f"hostname={machine.name}", f"epoch={time.time()}", f"machine_id={machine.name}", "cpus=2",
        "memory_kib=8000000", "cgroup=2", "swap_known=yes", "cap_bounding=1ffffffffff",
        *(f"address={one}" for one in (machine.address, *machine.further)),
        "disk=/var/lib 90000000", "disk=/var/lib/windlass 90000000", "nameserver=192.0.2.53", *docker, *cluster,
        *(f"tool={tool}" for tool in ("iptables", "curl", "conntrack", "mount", "nsenter")),
        "complete=yes",
    ]  # fmt: skip


def look_around(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Reach all but hosts that are down, on a fast disk."""
    for name, where in arguments["hosts"].items():
        if not machine.etcd.machines[name.rpartition(" ")[2]].host.is_reachable:
            yield f"{UNREACHED}{name} ({where})"
    if arguments["has_etcd"]:
        yield "fsync_ns=100000"


def install(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Fetch artifacts and link them."""
    for kind, first, second, *_ in arguments["steps"]:
        if kind == "fetch" and first not in machine.artifacts:
            machine.step()
            machine.artifacts.add(first)
            yield f"{CHANGED}{second}"
        elif kind == "link" and machine.links.get(second) != first:
            machine.step()
            machine.links[second] = first
            yield f"{CHANGED}{second}"


def install_docker(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Start an engine of Windlass's where there is none, and start it again where its release has another."""
    is_ours = machine.text(ENGINE_UNIT).startswith(ENGINE_MARK)
    if machine.is_docker_up and not is_ours:
        return
    if not is_ours:
        machine.step()
        machine.is_docker_unfinished = True
    machine.step()
    machine.host.files[ENGINE_UNIT] = RemoteFile(arguments["unit"].encode())
    machine.has_docker = True
    machine.reads["docker engine"] = reads = ([ENGINE_UNIT], list(arguments["binaries"]))
    digest = machine.digest(*reads)
    if machine.applied("docker") != digest:
        machine.step()
        machine.load_docker_settings()
        machine.loaded["docker engine"] = digest
        machine.step()
        machine.note_applied("docker", digest)
        yield f"{CHANGED}unit docker"
    if machine.is_docker_unfinished:
        machine.step()
        machine.is_docker_unfinished = False


def note_host(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Note what a host is that is new to a cluster."""
    if f"{HOST_RECORD}/complete" not in machine.host.files:
        machine.step()
        settings = machine.host.files.get(DOCKER_DAEMON)
        if settings is not None:
            machine.host.files[DOCKER_BEFORE] = settings
        if machine.has_docker:
            machine.host.files[f"{HOST_RECORD}/images"] = RemoteFile("\n".join(sorted(machine.images)).encode())
        machine.step()
        machine.host.files[f"{HOST_RECORD}/complete"] = RemoteFile(b"")
    yield from ()


def make_directories(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Make directories with their modes."""
    for path, mode in arguments["modes"].items():
        if machine.directories.get(path) != int(mode, 8):
            machine.step()
            machine.directories[path] = int(mode, 8)
            yield f"{CHANGED}{path}"


def pull_docker_images(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Pull images into Docker."""
    for desired in arguments["images"]:
        if desired in machine.images:
            continue
        if not machine.is_docker_up or not machine.may_pull_from(desired.partition("/")[0]):
            raise ScriptError(f"cannot pull {desired}: server gave HTTP response to HTTPS client")
        machine.step()
        machine.images.add(desired)
        yield f"{CHANGED}image {desired}"


def pull_node_images(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Pull images into the pods' containerd."""
    for desired in arguments["images"]:
        if f"pods {desired}" not in machine.images:
            if "windlass-containerd" not in machine.units:
                raise ScriptError(f"cannot pull {desired}: no containerd")
            machine.step()
            machine.images.add(f"pods {desired}")
            yield f"{CHANGED}image {desired}"


def start_unit(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Start a unit whose files changed, or that does not run."""
    unit, reads = arguments["unit"], (list(arguments["files"]), list(arguments["binaries"]))
    machine.reads[unit] = reads
    digest = machine.digest(*reads)
    if machine.applied(unit) != digest or unit not in machine.units:
        yield from _start(machine, unit, digest)


def load_settings(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Load settings whose files changed."""
    yield from _settings(machine, arguments["what"], machine.digest(arguments["files"]))


_KUBELET = re.compile(r"/opt/windlass/(v[^/]+)/bin/kubelet\b")


def _start(machine: Machine, unit: str, digest: str) -> Iterator[str]:
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
    if what in {API_PROXY, PROXY_TRUST} and not machine.runs_as_rendered(PROXY_SERVICE):
        return
    machine.step()
    if what == "docker settings":
        machine.load_docker_settings()
    elif what in {API_PROXY, PROXY_TRUST}:
        machine.load_proxy()
        note_proxy_config(machine, PROXY_SERVICE)
    else:
        machine.load_kernel_settings()
    machine.step()
    machine.note_applied(what.replace(" ", "-"), digest)
    yield f"{CHANGED}{what}"


def own_files(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Note and keep what files of the spec's own take the place of; put back or take away those that it has no more."""
    wanted = set(arguments["paths"])
    for path in sorted(wanted - machine.own.keys()):
        machine.step()
        machine.own[path] = machine.host.files.get(path)
    for path in sorted(machine.own.keys() - wanted):
        machine.step()
        before = machine.own.pop(path)
        if before is None:
            machine.host.files.pop(path, None)
        else:
            machine.host.files[path] = before
        yield f"{CHANGED}{path}"


def measure_speed(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Tell how long a fixed piece of work takes: on all machines here no longer than usual."""
    yield "20"


SCRIPTS: dict[str, Act] = {
    "note-host": note_host,
    "own-files": own_files,
    "gather-facts": tell_facts,
    "check-surroundings": look_around,
    "measure-speed": measure_speed,
    "install-docker": install_docker,
    "install-artifacts": install,
    "fetch-artifacts": install,
    "start-unit": start_unit,
    "load-settings": load_settings,
    "pull-docker-images": pull_docker_images,
    "pull-node-images": pull_node_images,
    "make-directories": make_directories,
}
