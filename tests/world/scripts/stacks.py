"""Scripts that bring stacks up, take them away, and take a whole cluster off a host."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.domain.host.layout import (
    API_PROXY,
    DOCKER_DAEMON,
    DOCKER_RESTORED,
    ENGINE_MARK,
    ENGINE_UNIT,
    FENCE,
    HOST_RECORD,
    PROXY_CA,
    PROXY_CONFIG,
    PROXY_SERVICE,
    PROXY_TRUST,
)
from windlass.domain.scripts.script import CHANGED
from world.machine import PROJECT, Machine
from world.scripts.script import Act, Arguments, ScriptError

NODE_UNITS = ("kubelet", "windlass-containerd")


def bring_stack_up(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Start the containers of a stack that do not run as its file says."""
    stack = arguments["stack"]
    if not machine.is_docker_up:
        raise ScriptError("Cannot connect to the Docker daemon")
    project, services = f"windlass-{stack}", machine.compose(stack)
    only = arguments["only"]
    changed = False
    for service in [name for there, name in machine.containers if there == project]:
        if not only and service not in services:
            machine.step()
            del machine.containers[project, service]
            changed = True
    for service in only or services:
        if machine.containers.get((project, service)) != {PROJECT: project, **services[service]["labels"]}:
            machine.step()
            machine.create(stack, service)
            note_proxy_config(machine, service)
            changed = True
    if changed:
        yield f"{CHANGED}{', '.join(only) or f'stack {stack}'}"


def note_proxy_config(machine: Machine, service: str) -> None:
    """Note what an API proxy has read when it started."""
    if service == PROXY_SERVICE:
        machine.step()
        for what, path in ((API_PROXY, PROXY_CONFIG), (PROXY_TRUST, PROXY_CA)):
            machine.note_applied(what.replace(" ", "-"), machine.digest([path]))


def remove_other_stacks(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Take down the stacks that are not wanted."""
    there = {path.split("/")[4] for path in machine.host.files if path.startswith("/etc/windlass/stacks/")}
    for stack in sorted(there - set(arguments["keep"])):
        machine.step()
        machine.containers = {key: one for key, one in machine.containers.items() if key[0] != f"windlass-{stack}"}
        machine.step()
        prefix = f"/etc/windlass/stacks/{stack}/"
        for path in [path for path in machine.host.files if path.startswith(prefix)]:
            del machine.host.files[path]
        yield f"{CHANGED}removed stack {stack}"


def end_units(machine: Machine) -> Iterator[str]:
    """End kubelet and the pods' runtime."""
    for unit in NODE_UNITS:
        if unit in machine.units:
            machine.step()
            machine.units.discard(unit)
            yield f"{CHANGED}unit {unit}"


def end_containers(machine: Machine, stack: str) -> Iterator[str]:
    """Take away the containers of a stack."""
    mine = [key for key in machine.containers if key[0] == f"windlass-{stack}"]
    if mine:
        machine.step()
        for key in mine:
            del machine.containers[key]
        yield f"{CHANGED}stack {stack}"


def remove_cluster(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Give the host back as it was."""
    yield from end_units(machine)
    for stack in ("etcd", "control-plane", "api-proxy"):
        yield from end_containers(machine, stack)
    machine.step()
    before = machine.text(f"{HOST_RECORD}/images").split("\n")
    if machine.text(ENGINE_UNIT).startswith(ENGINE_MARK):
        machine.has_docker = machine.is_docker_unfinished = False
        machine.loaded.pop("docker", None)
        before = []
    _put_docker_settings_back(machine)
    had_files = any(path.startswith("/etc/windlass/") and path != FENCE for path in machine.host.files)
    for path in [path for path in machine.host.files if path != "/etc/docker/daemon.json"]:
        del machine.host.files[path]
    machine.host.files |= {path: file for path, file in machine.own.items() if file is not None}
    machine.own.clear()
    machine.parameters |= machine.parameters_before
    machine.parameters_before.clear()
    machine.artifacts.clear()
    machine.links.clear()
    machine.directories.clear()
    machine.loaded = {key: text for key, text in machine.loaded.items() if key == "docker"}
    machine.reads.clear()
    machine.data.clear()
    machine.ill.clear()
    machine.received.clear()
    machine.images &= set(before)
    if had_files:
        yield f"{CHANGED}files"


def _put_docker_settings_back(machine: Machine) -> None:
    restored = machine.host.files.get(DOCKER_RESTORED)
    if restored is not None:
        machine.host.files[DOCKER_DAEMON] = restored
        if not restored.content:
            del machine.host.files[DOCKER_DAEMON]
        if machine.has_docker:
            machine.load_docker_settings()


SCRIPTS: dict[str, Act] = {
    "start-stack": bring_stack_up,
    "remove-other-stacks": remove_other_stacks,
    "remove-cluster": remove_cluster,
}
