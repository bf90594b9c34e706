"""Scripts that take from a host what it does for the cluster no more."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.domain.host.layout import ETC, KERNEL_MODULES, SYSTEMD, stack_directory
from windlass.domain.scripts.leave import LAST_KEYS, WHOLE
from windlass.domain.scripts.script import CHANGED
from world.etcd import SERVICE as ETCD
from world.machine import Machine
from world.scripts.script import Act, Arguments
from world.scripts.stacks import NODE_UNITS, end_containers, end_units


def find_leftovers(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Tell what is left of what leaves."""
    there = machine.host.files
    if arguments["is_whole"]:
        if any(path.startswith(f"{ETC}/") for path in there) or machine.containers:
            yield f"{CHANGED}{WHOLE}"
        return
    marks = {"node": f"{SYSTEMD}/kubelet.service"}
    for plane in arguments["planes"]:
        if LAST_KEYS[plane] in there or any(
            path.startswith(marks.get(plane, stack_directory(plane))) for path in there
        ):
            yield f"{CHANGED}{plane}"


def stop_stack(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Take away the containers of a stack, its files and its data."""
    stack = arguments["stack"]
    yield from end_containers(machine, stack)
    machine.step()
    _remove_below(machine, stack_directory(stack))
    if stack == ETCD:
        machine.data.clear()


def remove_node(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Take away kubelet and the pods' runtime, and the files of both."""
    yield from end_units(machine)
    machine.step()
    for path in (
        f"{ETC}/kubelet",
        f"{ETC}/containerd",
        KERNEL_MODULES,
        *(f"{SYSTEMD}/{one}.service" for one in NODE_UNITS),
    ):
        _remove_below(machine, path)
    machine.images = {image for image in machine.images if not image.startswith("pods ")}
    for unit in NODE_UNITS:
        machine.reads.pop(unit, None)
        machine.loaded.pop(unit, None)


def remove_files(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Take away files that belong to a plane that was given up."""
    for path in arguments["paths"]:
        if path in machine.host.files:
            machine.step()
            del machine.host.files[path]
            yield f"{CHANGED}{path}"


def _remove_below(machine: Machine, path: str) -> None:
    for one in [one for one in machine.host.files if one == path or one.startswith(f"{path}/")]:
        del machine.host.files[one]


SCRIPTS: dict[str, Act] = {
    "find-leftovers": find_leftovers,
    "stop-stack": stop_stack,
    "remove-node": remove_node,
    "remove-files": remove_files,
}
