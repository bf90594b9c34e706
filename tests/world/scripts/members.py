"""Scripts that look at an etcd member, start it again, or have it join anew."""

from __future__ import annotations

import re
from collections.abc import Iterator

from windlass.domain.scripts.script import CHANGED
from world.etcd import DATA
from world.machine import Machine
from world.scripts.script import Script

_STACK = "windlass-etcd"


def observe(machine: Machine, script: str) -> Iterator[str]:
    """Say whether the member runs and has data."""
    runs = machine.serves("etcd") and machine.etcd.up(machine) is not None
    yield f"process={'running' if runs else 'stopped' if machine.is_docker_up else 'absent'}"
    yield f"data={'yes' if DATA in machine.data else 'no'}"
    yield "free=90000000"


def start_again(machine: Machine, script: str) -> Iterator[str]:
    """Make the container anew, on the data that is there."""
    _remove(machine)
    machine.step()
    machine.create("etcd", "etcd")
    yield f"{CHANGED}etcd"


def has_ended(machine: Machine, script: str) -> Iterator[str]:
    """Say whether it ended again."""
    if machine.etcd.up(machine) is None:
        yield f"{CHANGED}ended"


def try_way(machine: Machine, script: str) -> Iterator[str]:
    """Reach all other members."""
    yield from ()


def tell_prepared(machine: Machine, script: str) -> Iterator[str]:
    """Say whether files and images are there."""
    files = re.findall(r"^for file in (.*?); do", script, re.MULTILINE)[0].split()
    stacks = re.findall(r"^for stack in (.*?); do", script, re.MULTILINE)[0].split()
    files += [f"/etc/windlass/stacks/{stack}/compose.yaml" for stack in stacks]
    if not all(machine.text(file) for file in files):
        return
    if all(one["image"] in machine.images for stack in stacks for one in machine.compose(stack).values()):
        yield f"{CHANGED}nothing"


def join(machine: Machine, script: str) -> Iterator[str]:
    """Keep old data aside, and start a member that joins."""
    _remove(machine)
    aside = re.findall(r"mv member (\S+);", script)[0].strip("'")
    if DATA in machine.data:
        machine.step()
        machine.data = {name: one for name, one in machine.data.items() if not name.startswith("member.replaced-")}
        machine.step()
        machine.data = {aside if name == DATA else name: one for name, one in machine.data.items()}
    machine.step()
    machine.create("etcd", "etcd", joins=True)
    yield f"{CHANGED}etcd"


def _remove(machine: Machine) -> None:
    if (_STACK, "etcd") in machine.containers:
        machine.step()
        del machine.containers[_STACK, "etcd"]


SCRIPTS: dict[str, Script] = {
    "echo process=running": observe,
    "WINDLASS_ETCD_STATE=existing": join,
    "RestartCount": has_ended,
    "--connect-timeout 3 --max-time 5 https": try_way,
    'docker image inspect "$image"': tell_prepared,
    "docker rm -f windlass-etcd": start_again,
}
