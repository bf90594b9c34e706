"""heal_cluster and replace_member are killed before and after everything that they change.

A run that dies is followed by a whole one at every so many of the places only.
"""

from __future__ import annotations

from windlass.effects.ssh.connection import RemoteFile
from world import World
from world.etcd import DATA
from world.kills import Case
from world.specs import SMALL, THREE

_SETTLED = 600.0
"""Seconds after which nothing counts as still starting."""
SCHEDULER = ("windlass-control-plane", "kube-scheduler")


def end_scheduler(world: World) -> None:
    world.run("create_cluster", spec=SMALL)
    world.machines["cp-1"].end("kube-scheduler")


def stop_kubelet(world: World) -> None:
    world.run("create_cluster", spec=SMALL)
    world.machines["w-1"].units.discard("kubelet")


def drift(world: World) -> None:
    """Have somebody change a container, a file, and take a certificate away, on two hosts."""
    world.run("create_cluster", spec=SMALL)
    one, other = world.machines["cp-1"], world.machines["w-1"]
    one.made[SCHEDULER] = {**one.made[SCHEDULER], "restart": "no"}
    del one.host.files["/etc/windlass/pki/apiserver.key"]
    other.host.files["/etc/windlass/stacks/api-proxy/haproxy.cfg"] = RemoteFile(b"other")


def lose_member(world: World) -> None:
    """Have one of three members lose its data: it cannot start again by itself."""
    world.run("create_cluster", spec=THREE)
    world.clock.sleep(_SETTLED)
    machine = world.machines["cp-2"]
    del machine.data[DATA]
    machine.end("etcd", "restarting")


def damage_member(world: World) -> None:
    """Have one of three members' data be damaged: a start is tried first."""
    world.run("create_cluster", spec=THREE)
    world.clock.sleep(_SETTLED)
    world.machines["cp-2"].damage()


def is_well(world: World) -> bool:
    services = [(one, service) for one in world.machines.values() for _, service in one.containers]
    members = world.state()["etcd"]["members"]
    is_whole = len(members) == len([one for one in world.machines.values() if one.data])
    return is_whole and all(one.serves(service) for one, service in services) and not any(one[2] for one in members)


def is_mended(world: World) -> bool:
    one, other = world.machines["cp-1"], world.machines["w-1"]
    proxy = other.text("/etc/windlass/stacks/api-proxy/haproxy.cfg")
    key = one.text("/etc/windlass/pki/apiserver.key")
    return is_well(world) and one.made[SCHEDULER]["restart"] == "always" and proxy != "other" and bool(key)


CASES = {
    "make a container again": Case(SMALL, "heal_cluster", {}, end_scheduler, is_well, stride=3),
    "restart a unit": Case(SMALL, "heal_cluster", {}, stop_kubelet, is_well, stride=3),
    "put drift right": Case(SMALL, "heal_cluster", {}, drift, is_mended, stride=11),
    "replace a member": Case(THREE, "heal_cluster", {}, lose_member, is_well, stride=3),
    "replace a member that a person names": Case(THREE, "replace_member", {"host": "cp-2"}, lose_member, is_well),
    "replace a member that does not start": Case(THREE, "replace_member", {"host": "cp-2"}, damage_member, is_well),
}
