"""etcd in memory: clusters with members and contents, and which of them the data on each machine belongs to."""

from __future__ import annotations

import copy
import hashlib
import json
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from unit.backup.boltfile import etcd_file, key_value, revision
from windlass.domain.addresses import host_port
from windlass.domain.etcd.status import ListedMember

if TYPE_CHECKING:
    from world.machine import Machine

Objects = dict[tuple[str, str, str], dict[str, Any]]
DATA = "member"
"""The name of the data that a member runs on, below etcd's directory."""
SERVICE = "etcd"
USED_BYTES = 20 * 2**20
QUOTA_BYTES = 2**31
_CONTENT = b"/content"
_REGISTRY = {"nodes": "minions"}
"""Where API servers keep what is not kept by its own name."""


@dataclass(frozen=True)
class Data:
    """What lies in a member's data directory: whose it is, and whether it can be used."""

    cluster: int
    member: int
    is_good: bool = True
    size: int = USED_BYTES


@dataclass
class Cluster:
    """One cluster: what all of its members agree on."""

    id: int
    members: dict[int, ListedMember]
    objects: Objects = field(default_factory=dict)
    revision: int = 1
    chosen: int = 0
    """The member that was made the leader, if it was one."""
    alarms: set[tuple[int, int]] = field(default_factory=set)
    """By member and kind."""
    has_led: bool = False
    """Whether it ever had a quorum: before, its members answer nobody."""


class Etcd:
    """All clusters that ever were, and the machines that their members run on."""

    def __init__(self, machines: Mapping[str, Machine]) -> None:
        self.machines = machines
        self.clusters: dict[int, Cluster] = {}
        self._one_at_a_time = threading.Lock()
        self._snapshots: dict[bytes, Objects] = {}

    def start(self, machine: Machine, *, joins: bool = False, initial: str = "") -> bool:
        """Do what etcd does when it starts; False if it ends again, as it does without data and without others."""
        with self._one_at_a_time:
            runs = machine.data[DATA].is_good if DATA in machine.data else self._begin(machine, initial, joins=joins)
            if found := self.up(machine):
                self.leader(found)
            return runs

    def _begin(self, machine: Machine, initial: str, *, joins: bool) -> bool:
        found = self.current if joins else self._first(initial) if initial else None
        mine = next((one for one in found.members.values() if url(machine) in one.peer_urls), None) if found else None
        # One that has started before is told by the others that it must be replaced.
        if found is None or mine is None or mine.name:
            return False
        clients = (f"https://{host_port(machine.address, 2379)}",)
        found.members[mine.member_id] = replace(mine, name=machine.name, client_urls=clients)
        machine.data[DATA] = Data(found.id, mine.member_id)
        return True

    def _first(self, names: str) -> Cluster:
        """Return the cluster of the members that are named: a new one unless some machine has data of it."""
        number = zlib.crc32(",".join(sorted(names.split(","))).encode())
        if not any(one.data.get(DATA, Data(0, 0)).cluster == number for one in self.machines.values()):
            self.clusters[number] = Cluster(number, members_of(names))
        return self.clusters[number]

    def up(self, machine: Machine) -> Cluster | None:
        """Return the cluster of the member that runs and answers on a machine; None if none does."""
        data = machine.data.get(DATA)
        if data is None or not data.is_good or not machine.serves(SERVICE):
            return None
        found = self.clusters.get(data.cluster)
        return found if found is not None and data.member in found.members else None

    def leader(self, cluster: Cluster) -> int:
        """Return the member that leads; 0 without a quorum."""
        up = {one.data[DATA].member for one in self.machines.values() if self.up(one) is cluster}
        voters = {number for number, one in cluster.members.items() if not one.is_learner}
        if 2 * len(up & voters) <= len(voters):
            return 0
        cluster.has_led = True
        return cluster.chosen if cluster.chosen in up & voters else min(up & voters)

    def answers(self, machine: Machine) -> Cluster | None:
        """Return the cluster of a member that answers clients: none does before its first quorum."""
        found = self.up(machine)
        return found if found is not None and (self.leader(found) or found.has_led) else None

    @property
    def current(self) -> Cluster | None:
        """The cluster that has a quorum."""
        return next((one for one in self.clusters.values() if self.leader(one)), None)

    @property
    def version(self) -> str:
        """The minor version that all members have reached."""
        found = [one.version(SERVICE).removeprefix("v") for one in self.machines.values() if self.up(one)]
        return min(found, key=lambda text: [int(part) for part in text.split(".")], default="0.0.0")

    @property
    def objects(self) -> Objects:
        """What API servers keep in the cluster that has a quorum; nothing while none has."""
        return self.current.objects if self.current else {}

    def wrote(self) -> None:
        """Note that something was written."""
        if self.current:
            self.current.revision += 1

    def keys(self, cluster: Cluster) -> Iterator[tuple[bytes, bytes]]:
        """Give keys and values in order, as API servers write them."""
        kept = {f"/registry/{_REGISTRY.get(what, what)}/{where}/{name}": one
                for (what, where, name), one in cluster.objects.items()}  # fmt: skip
        for key, one in sorted(kept.items()):
            yield key.replace("//", "/").encode(), json.dumps({"metadata": one["metadata"]}).encode()

    def snapshot(self, cluster: Cluster) -> bytes:
        """Return a database file, and after it the sum of it."""
        kept = json.dumps(list(cluster.objects.items())).encode()
        name = hashlib.sha256(kept).hexdigest().encode()
        self._snapshots[name] = {tuple(key): one for key, one in json.loads(kept)}
        keys = [*(key_value(key[:120]) for key, _ in self.keys(cluster)), key_value(_CONTENT, name)]
        file = etcd_file([(revision(cluster.revision, n), one) for n, one in enumerate(keys)])
        return file + hashlib.sha256(file).digest()

    def is_whole(self, snapshot: bytes) -> bool:
        """Tell whether a snapshot is as its own sum says."""
        return len(snapshot) > 32 and hashlib.sha256(snapshot[:-32]).digest() == snapshot[-32:]

    def content_of(self, snapshot: bytes) -> Objects:
        """Return the objects in a snapshot."""
        name = snapshot.rpartition(_CONTENT)[2][2:66]
        return copy.deepcopy(self._snapshots[name])

    def restored(self, snapshot: bytes, names: str, token: str, bump: int) -> int | None:
        """Make a cluster of a snapshot; its id, or None if the snapshot is damaged."""
        if not self.is_whole(snapshot):
            return None
        number = zlib.crc32(token.encode())
        before = max(one.revision for one in self.clusters.values())
        if number not in self.clusters:
            members = {one: replace(found, name=_name(found, names)) for one, found in members_of(names).items()}
            self.clusters[number] = Cluster(number, members, self.content_of(snapshot), before + bump)
        return number

    def state(self) -> dict[str, Any]:
        """Return who the members are, and on what, but for numbers that are new each time."""
        found = self.current
        members = sorted((one.name, one.peer_urls, one.is_learner) for one in found.members.values()) if found else []
        data = {
            name: {(DATA, one.is_good, one.size) if what == DATA else what.partition("-")[0]
                   for what, one in machine.data.items()}
            for name, machine in self.machines.items()
        }  # fmt: skip
        return {"members": members, "data": data, "alarms": len(found.alarms) if found else 0}


def url(machine: Machine) -> str:
    """Return where the other members reach the one on a machine."""
    return f"https://{host_port(machine.address, 2380)}"


def members_of(names: str) -> dict[int, ListedMember]:
    """Return the members that a text such as `a=https://…,b=https://…` names, before they have started."""
    urls = [one.partition("=")[2] for one in names.split(",")]
    return {number: ListedMember(number, "", (one,)) for one in urls if (number := zlib.crc32(one.encode()))}


def _name(member: ListedMember, names: str) -> str:
    return next(one.partition("=")[0] for one in names.split(",") if one.endswith(f"={member.peer_urls[0]}"))
