"""Scripts that look at an etcd member, start it again, or have it join again."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.domain.host.layout import CLUSTER_MARK
from windlass.domain.scripts.bootstrap import INITIAL_CLUSTER
from windlass.domain.scripts.restore import MARK
from windlass.domain.scripts.script import CHANGED
from windlass.effects.ssh.connection import RemoteFile
from world.etcd import DATA
from world.machine import Machine
from world.scripts.script import Act, Arguments

_STACK = "windlass-etcd"


def observe(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Say whether the member runs and has data."""
    runs = machine.serves("etcd") and machine.etcd.up(machine) is not None
    yield f"process={'running' if runs else 'stopped' if machine.is_docker_up else 'absent'}"
    yield f"data={'yes' if DATA in machine.data else 'no'}"
    yield "free=90000000"


def start_again(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Make the container again, on the data that is there."""
    _remove(machine)
    machine.step()
    machine.create("etcd", "etcd")
    yield f"{CHANGED}etcd"


def has_ended(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Say whether it ended again."""
    if machine.etcd.up(machine) is None:
        yield f"{CHANGED}ended"


def try_way(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Reach all other members."""
    yield from ()


def tell_prepared(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Say whether files and images are there."""
    stacks = arguments["stacks"]
    files = [*arguments["files"], *(f"/etc/windlass/stacks/{stack}/compose.yaml" for stack in stacks)]
    if not all(machine.text(file) for file in files):
        return
    if all(one["image"] in machine.images for stack in stacks for one in machine.compose(stack).values()):
        yield f"{CHANGED}nothing"


def join(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Keep old data aside, and start a member that joins."""
    _remove(machine)
    aside = arguments["aside"]
    if DATA in machine.data:
        machine.step()
        machine.data = {name: one for name, one in machine.data.items() if not name.startswith("member.replaced-")}
        machine.step()
        machine.data = {aside if name == DATA else name: one for name, one in machine.data.items()}
    machine.step()
    machine.create("etcd", "etcd", joins=True)
    yield f"{CHANGED}etcd"


def tell_origin(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Tell how the member began, and how much of its log it has applied."""
    if mark := machine.text(CLUSTER_MARK).strip():
        yield f"mark={mark}"
    if initial := machine.text(INITIAL_CLUSTER).strip():
        yield f"initial={initial}"
    yield from (f"remains={name}" for name in machine.data if name != DATA)
    if machine.text(MARK):
        yield f"remains={MARK}"
    cluster = machine.etcd.up(machine)
    if cluster is not None:
        yield f"applied={len(cluster.members) + 5 * cluster.has_led}"


def bootstrap(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Start a member without data as one of a new cluster."""
    if DATA in machine.data:
        return
    machine.step()
    machine.host.files[INITIAL_CLUSTER] = RemoteFile(f"{arguments['initial_cluster']}\n".encode())
    machine.step()
    machine.create("etcd", "etcd", initial=arguments["initial_cluster"])
    yield f"{CHANGED}stack etcd"


def _remove(machine: Machine) -> None:
    if (_STACK, "etcd") in machine.containers:
        machine.step()
        del machine.containers[_STACK, "etcd"]


SCRIPTS: dict[str, Act] = {
    "bootstrap-member": bootstrap,
    "observe-member": observe,
    "observe-member-origin": tell_origin,
    "join-member": join,
    "check-member-ended": has_ended,
    "check-members-reached": try_way,
    "check-prepared": tell_prepared,
    "restart-member": start_again,
}
