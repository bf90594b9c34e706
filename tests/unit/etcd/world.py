"""An etcd cluster in memory behind fake hosts: what the operations see of it, and what they do to it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unit.services import quick_clock
from windlass.domain.artifacts import Lock
from windlass.domain.etcd.status import ListedMember, MemberStatus
from windlass.domain.host.layout import CLUSTER_MARK
from windlass.domain.pki import issue_pki
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.spec import Cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.etcd import EtcdTarget
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.ssh.fake import Call, FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.errors import NotReadyError, RefusedError, UnreachableError
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd import ReplacementContext
from windlass.operations.services import Clients

NAMES = ("cp-1", "cp-2", "cp-3")
CATALOG = load_catalog(Path(__file__).parents[3] / "include" / "templates" / "kubernetes")


def cluster() -> Cluster:
    members = [{"name": name, "address": f"192.0.2.{name[-1]}", "roles": ["etcd"]} for name in NAMES]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


PKI = issue_pki(cluster(), datetime.now(UTC))


def url(name: str) -> str:
    return f"https://192.0.2.{name[-1]}:2380"


@dataclass
class Process:
    """What is on one host: whether etcd runs, which member it is, and whether its data is good."""

    runs: bool = True
    member_id: int | None = None
    data: str = "good"
    """good, damaged, none."""


@dataclass
class World:
    """The truth, and a fault to come: the call after which everything breaks off."""

    members: dict[int, ListedMember] = field(default_factory=dict)
    hosts: dict[str, Process] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(100))
    lag: int = 0
    """How often a learner is not in sync yet."""
    did: list[str] = field(default_factory=list)
    breaks_after: int | None = None
    electing: int = 0
    """How many answers are still given without a leader: the last one ended, and none is elected yet."""

    @classmethod
    def healthy(cls) -> World:
        members = {number: ListedMember(number, name, (url(name),)) for number, name in enumerate(NAMES, 1)}
        hosts = {name: Process(member_id=number) for number, name in enumerate(NAMES, 1)}
        return cls(members, hosts)

    def act(self, what: str) -> None:
        """Note a change, and break off after it if that is planned."""
        self.did.append(what)
        if self.breaks_after is not None:
            self.breaks_after -= 1
            if self.breaks_after == 0:
                raise UnreachableError(f"broken off after: {what}")

    def elects(self) -> bool:
        """Say whether the members are still without a leader, one answer nearer to having one."""
        self.electing = max(0, self.electing - 1)
        return self.electing > 0

    @property
    def has_quorum(self) -> bool:
        voters = [one for one in self.members.values() if not one.is_learner]
        running = {process.member_id for process in self.hosts.values() if process.runs}
        return sum(one.member_id in running for one in voters) > len(voters) // 2

    def work(self, told: list[str]) -> ReplacementContext:
        """Return what a replacement works with in this world."""
        hosts = [self._host(name) for name in NAMES]
        fakes = FakeHosts(hosts)
        mirror = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
        connections = Connections(fakes.targets(), fakes)
        session = ClusterSession(
            cluster(),
            CATALOG.release("v1.37.2"),
            Lock("modules", {}),
            mirror,
            connections,
            clock=quick_clock(),
            clients=Clients(etcd=lambda target, *_: self._client(target)),
        )
        return ReplacementContext(session, PKI, RemoteFile(b"sealed"), told.append)

    def _host(self, name: str) -> FakeHost:
        host = FakeHost(name)
        host.on("sh", "-s", answer=lambda call: self._script(name, call))
        host.files[CLUSTER_MARK] = RemoteFile(b"demo\n")
        host.files["/etc/windlass/stacks/etcd/compose.yaml"] = RemoteFile(b"services: {}\n")
        return host

    def _script(self, name: str, call: Call) -> str:
        assert call.script is not None
        asked, process = call.script.name, self.hosts[name]
        if asked == "observe-member":
            state, data = "running" if process.runs else "stopped", "no" if process.data == "none" else "yes"
            return f"process={state}\ndata={data}\n"
        if asked == "join-member":
            self._join(name, call.script.arguments["cluster"])
            return "changed: etcd\n"
        if asked in {"restart-member", "start-stack"}:
            process.runs = process.data == "good" and process.member_id in self.members
            self.act(f"start {name}")
            return "changed: etcd\n"
        if asked == "check-member-ended":
            return "" if process.runs else "changed: ended\n"
        return "" if asked == "check-members-reached" else "changed: nothing\n"

    def _join(self, name: str, cluster: str) -> None:
        (mine,) = [one for one in self.members.values() if url(name) in one.peer_urls]
        addresses = {address for one in self.members.values() for address in one.peer_urls}
        assert all(f"={address}" in cluster for address in addresses)
        self.members[mine.member_id] = replace(mine, name=name)
        self.hosts[name] = Process(member_id=mine.member_id)
        self.act(f"join {name}")

    @contextmanager
    def _client(self, target: EtcdTarget) -> Iterator[Any]:
        if not self.hosts[target.host].runs:
            raise UnreachableError(f"{target.host}: refused")
        yield Client(self, target.host)


@dataclass
class Client:
    """The client of one member."""

    world: World
    host: str

    def status(self) -> MemberStatus:
        process, led = self.world.hosts[self.host], self.world.has_quorum and not self.world.elects()
        member = self.world.members.get(process.member_id or 0)
        known = member.member_id if member else 999
        is_learner = member is not None and member.is_learner
        return MemberStatus(known, 7, int(led), 42, "3.7.3", 2, 9, 9, 1, 1, 2, is_learner=is_learner, errors=())

    def members(self, *, linearizable: bool = True) -> tuple[ListedMember, ...]:
        if self.status().is_learner:
            raise RefusedError("rpc not supported for learner")
        if linearizable and not self.world.has_quorum:
            raise NotReadyError("no leader")
        return tuple(self.world.members.values())

    def remove(self, member_id: int) -> bool:
        assert self.world.has_quorum
        gone = self.world.members.pop(member_id)
        assert self.world.has_quorum, "quorum was lost"
        self.world.act(f"remove {gone.name or gone.peer_urls[0]}")
        return True

    def add_learner(self, urls: list[str]) -> ListedMember:
        assert self.world.has_quorum
        added = ListedMember(next(self.world.ids), "", tuple(urls), is_learner=True)
        self.world.members[added.member_id] = added
        self.world.act(f"add {urls[0]}")
        return added

    def promote(self, member_id: int) -> None:
        if self.world.lag:
            self.world.lag -= 1
            raise NotReadyError("in sync with leader")
        self.world.members[member_id] = replace(self.world.members[member_id], is_learner=False)
        self.world.act(f"promote {member_id}")
