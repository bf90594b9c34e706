"""From one host that does everything to three, to planes of their own, and back, on a cluster in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from e2e.etcd import members
from e2e.ground import VERSION, Ground
from e2e.serving import change, node_names, web
from e2e.standing import empty_ground

pytestmark = pytest.mark.full

Roles = Mapping[str, tuple[str, ...]]
ETCD_ALONE = ("e-1", "e-2", "e-3")
# A second node, so that the Service that is watched can have two replicas.
STANDALONE: Roles = {"cp-1": ("etcd", "control-plane", "worker"), "w-1": ("worker",)}
OVERLAPPING: Roles = {**dict.fromkeys(("cp-1", "cp-2", "cp-3"), ("etcd", "control-plane")), "w-1": ("worker",)}
SEPARATE: Roles = {
    **dict.fromkeys(ETCD_ALONE, ("etcd",)),
    **dict.fromkeys(("cp-1", "cp-2"), ("control-plane",)),
    **dict.fromkeys(("cp-3", "w-1"), ("worker",)),
}
MOVES = (OVERLAPPING, SEPARATE, OVERLAPPING, STANDALONE)
IDS = ("to-three-overlapping", "to-separate-planes", "back-to-three-overlapping", "back-to-standalone")


@pytest.fixture(scope="module")
def moving(ground: Ground) -> Iterator[Ground]:
    """A standalone cluster with two web servers on it, and three hosts for etcd beside it."""
    empty_ground(ground)
    with ground.more_hosts(*ETCD_ALONE) as wide:
        try:
            wide.create(wide.spec(STANDALONE)).succeeded()
            with web(wide, VERSION):
                yield wide
        finally:
            empty_ground(wide)


@pytest.mark.parametrize("roles", MOVES, ids=IDS)
def test_moves_while_nobody_notices(moving: Ground, roles: Roles) -> None:
    known = {host.name for host in moving.lab.hosts}

    done = change(moving, moving.spec(roles), writes_to=("cp-1",))

    assert done.run.outcome == "done"
    assert members(moving, via=etcd_hosts(roles)[0]) == dict.fromkeys(etcd_hosts(roles), False)
    assert moving.not_ready(roles) == set()
    assert node_names(moving) == {name for name, of in roles.items() if set(of) != {"etcd"}}
    done.usage.check(moving)
    assert {host: moving.traces(host) for host in known - set(roles)} == {host: [] for host in known - set(roles)}
    assert left_containers(moving, roles) == {}
    assert moving.apply().succeeded().outcome == "nothing"


def etcd_hosts(roles: Roles) -> list[str]:
    return [name for name, of in roles.items() if "etcd" in of]


def left_containers(ground: Ground, roles: Roles) -> dict[str, str]:
    """Return the containers on hosts that have given up what these are for, by host."""
    plane = {"windlass-etcd": "etcd", "windlass-kube-apiserver": "control-plane"}
    found = {}
    for host, of in roles.items():
        names = ground.on(host, "docker ps --all --format '{{.Names}}'").split()
        if left := " ".join(name for name, role in plane.items() if name in names and role not in of):
            found[host] = left
    return found
