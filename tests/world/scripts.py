"""What a machine does on a script that came on stdin; one function a kind of script, listed in SCRIPTS.

Each is a generator: it yields what the script prints and calls `machine.step()` before each change, so that a process
can die amid a script. That real scripts do what is done here is shown where they run for real, in unit/operations.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator

from windlass.domain.installing import CHANGED
from world.machine import Machine

Script = Callable[[Machine, str], Iterator[str]]


class ScriptError(Exception):
    """The script ends with an error."""


def tell_facts(machine: Machine, script: str) -> Iterator[str]:
    """Answer FACTS_SCRIPT."""
    docker = ["docker=20.10.24", "compose=v2.40.3"] if machine.is_docker_up else []
    cluster = [f"cluster={mark}"] if (mark := machine.text("/etc/windlass/cluster").strip()) else []
    yield from [
        "os_id=debian", "os_version=12", "os_name=Debian", "kernel=6.1.0", "arch=x86_64", "init=systemd",
        f"hostname={machine.name}", f"epoch={time.time()}", f"machine_id={machine.name}", "cpus=2",
        "memory_kib=8000000", "cgroup=2", "swap_known=yes", "cap_bounding=1ffffffffff", f"address={machine.address}",
        "disk=/var/lib 90000000", "nameserver=192.0.2.53", *docker, *cluster,
        *(f"tool={tool}" for tool in ("iptables", "curl", "conntrack", "mount", "nsenter")),
        *(f"unit={unit} active" for unit in sorted(machine.units)),
        *(f"artifact={path.rpartition('/')[2]}" for path in sorted(machine.artifacts)),
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
    for wanted in re.findall(r"docker pull -q (\S+)", script):
        if wanted in machine.images:
            continue
        if not machine.is_docker_up or not machine.may_pull_from(wanted.partition("/")[0]):
            raise ScriptError(f"cannot pull {wanted}: server gave HTTP response to HTTPS client")
        machine.step()
        machine.images.add(wanted)
        yield f"{CHANGED}image {wanted}"
    for wanted in re.findall(r"pull --local --hosts-dir \S+ (\S+)", script):
        if f"pods {wanted}" not in machine.images:
            if "windlass-containerd" not in machine.units:
                raise ScriptError(f"cannot pull {wanted}: no containerd")
            machine.step()
            machine.images.add(f"pods {wanted}")
            yield f"{CHANGED}image {wanted}"


_READS = re.compile(
    r"digest=\$\( \{ find (.*?) -type f .*?; (?:readlink -f (.*?)|:)\n  \}.*?\n(.*?)(?=\ndigest=|\Z)", re.DOTALL
)


def start_or_load(machine: Machine, script: str) -> Iterator[str]:
    """Start units and load settings whose files changed, or tell which are current."""
    for files, binaries, rest in _READS.findall(script):
        digest = machine.digest(shlex.split(files), shlex.split(binaries))
        if unit := re.search(r"systemctl is-active --quiet (\S+); then (exit 0|echo)", rest):
            machine.reads[unit[1]] = (shlex.split(files), shlex.split(binaries))
            yield from _unit(machine, unit[1], digest, only_tell=unit[2] == "echo")
        elif told := re.search(r"\|\| echo '(.+)'", rest):
            yield from [told[1]] if machine.applied(told[1].replace(" ", "-")) == digest else []
        else:
            yield from _settings(machine, re.findall(rf'echo "{CHANGED}(.+)"', rest)[-1], digest)


def _unit(machine: Machine, unit: str, digest: str, *, only_tell: bool) -> Iterator[str]:
    is_current = machine.applied(unit) == digest and unit in machine.units
    if only_tell:
        yield from [unit] if is_current else []
    elif not is_current:
        machine.step()
        machine.units.add(unit)
        machine.loaded[unit] = digest
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


def bring_stack_up(machine: Machine, script: str) -> Iterator[str]:
    """Start the containers of a stack that do not run as its file says."""
    match = re.search(r"cd /etc/windlass/stacks/(\S+)\n.*? up -d (.*?) >", script)
    assert match, script
    stack, chosen = match.groups()
    if not machine.is_docker_up:
        raise ScriptError("Cannot connect to the Docker daemon")
    project, services = f"windlass-{stack}", machine.compose(stack)
    only = shlex.split(chosen.removeprefix("--no-deps")) if chosen.startswith("--no-deps") else list(services)
    changed = False
    for service in [name for there, name in machine.containers if there == project]:
        if chosen == "--remove-orphans" and service not in services:
            machine.step()
            del machine.containers[project, service]
            changed = True
    for service in only:
        labels = {"com.docker.compose.project": project, **services[service]["labels"]}
        if machine.containers.get((project, service)) != labels:
            machine.step()
            machine.containers[project, service] = labels
            changed = True
    if changed:
        yield f"{CHANGED}{', '.join(only) if chosen.startswith('--no-deps') else f'stack {stack}'}"


def remove_other_stacks(machine: Machine, script: str) -> Iterator[str]:
    """Take down the stacks that are not wanted."""
    match = re.search(r"case \$stack in (.*)\|'\*'\)", script)
    assert match, script
    keep = match[1].split("|")
    there = {path.split("/")[4] for path in machine.host.files if path.startswith("/etc/windlass/stacks/")}
    for stack in sorted(there - set(keep)):
        machine.step()
        machine.containers = {key: one for key, one in machine.containers.items() if key[0] != f"windlass-{stack}"}
        machine.step()
        prefix = f"/etc/windlass/stacks/{stack}/"
        for path in [path for path in machine.host.files if path.startswith(prefix)]:
            del machine.host.files[path]
        yield f"{CHANGED}removed stack {stack}"


def remove_cluster(machine: Machine, script: str) -> Iterator[str]:
    """Give the host back as it was, Docker Engine apart."""
    for unit in ("kubelet", "windlass-containerd"):
        if unit in machine.units:
            machine.step()
            machine.units.discard(unit)
            yield f"{CHANGED}unit {unit}"
    for stack in ("etcd", "control-plane", "api-proxy"):
        mine = [key for key in machine.containers if key[0] == f"windlass-{stack}"]
        if mine:
            machine.step()
            for key in mine:
                del machine.containers[key]
            yield f"{CHANGED}stack {stack}"
    machine.step()
    had_files = any(path.startswith("/etc/windlass/") for path in machine.host.files)
    for path in [path for path in machine.host.files if path != "/etc/docker/daemon.json"]:
        del machine.host.files[path]
    machine.artifacts.clear()
    machine.links.clear()
    machine.directories.clear()
    machine.loaded = {key: text for key, text in machine.loaded.items() if key == "docker"}
    machine.reads.clear()
    machine.images = {image for image in machine.images if not image.startswith("pods ")}
    if had_files:
        yield f"{CHANGED}files"


SCRIPTS: dict[str, Script] = {
    "say complete yes": tell_facts,
    "unreached=": look_around,
    "dpkg --force-confold": install_docker,
    "fetch() {": install,
    "docker compose -p": bring_stack_up,
    f"{CHANGED}removed stack ": remove_other_stacks,
    "digest=$(": start_or_load,
    "trap 'rm -rf $work' EXIT": pull_images,
    "containerd-shim-runc-v2": remove_cluster,
    "stat -c %a": make_directories,
}
"""What a script does, by words that only scripts of its kind have; the first that fits counts."""


def run_script(machine: Machine, script: str) -> Iterator[str]:
    """Do what a script says, part by part; LookupError if no function here understands one."""
    for part in _parts(script):
        if part not in {"", "set -eu"}:
            yield from _understand(machine, part)(machine, part)


def _parts(script: str) -> Iterator[str]:
    """Give the scripts that a script is made of: those in parentheses on lines of their own, or else all of it."""
    lines = script.strip().removeprefix("{\n").removesuffix("\n}").splitlines()
    if "(" not in lines:
        yield "\n".join(lines).strip()
        return
    depth, part = 0, list[str]()
    for line in lines:
        depth -= line.startswith(")")
        if depth > 0:
            part.append(line)
        elif part:
            yield from _parts("\n".join(part))
            part = []
        depth += line == "("


def _understand(machine: Machine, script: str) -> Script:
    for words, act in SCRIPTS.items():
        if words in script:
            return act
    raise LookupError(f"{machine.name}: no function in world.scripts understands this script:\n{script}")
