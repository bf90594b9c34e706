"""What a change of members works with, and the way to a member that takes changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from windlass.domain.pki import Pki
from windlass.domain.spec.models import Host
from windlass.effects.etcd import EtcdClient
from windlass.effects.ssh.connection import RemoteFile
from windlass.errors import NotReadyError, RefusedError, WindlassError
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd.clients import etcd_member

ANSWERS_WITHIN = timedelta(seconds=5)


def ignore(_: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class ReplacementContext:
    """What a replacement works with: the cluster, its keys, and who is told of each step."""

    session: ClusterSession
    pki: Pki
    sealed: RemoteFile
    """The sealed PKI, for a host that came back empty."""
    tell: Callable[[str], None] = field(default=ignore)

    def host(self, name: str) -> Host:
        """Return the etcd host of that name; RefusedError if the spec has none."""
        hosts = {host.name: host for host in self.session.cluster.hosts_with("etcd")}
        if name not in hosts:
            raise RefusedError(f"the spec has no etcd host `{name}`; it has {', '.join(hosts)}")
        return hosts[name]


@contextmanager
def serving_client(work: ReplacementContext, but: str) -> Iterator[EtcdClient]:
    """Give a client of a member that has a leader, not the one that is being replaced if there is another."""
    reasons = []
    hosts = sorted(work.session.cluster.hosts_with("etcd"), key=lambda host: host.name == but)
    for host in hosts:
        try:
            with etcd_member(work.session, work.pki, host.name, ANSWERS_WITHIN) as client:
                client.members()
        except WindlassError as error:
            reasons.append(str(error))
            continue
        with etcd_member(work.session, work.pki, host.name, ANSWERS_WITHIN) as client:
            yield client
            return
    raise NotReadyError(f"etcd: no member takes changes now: {'; '.join(reasons)}")
