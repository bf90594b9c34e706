"""Clients of all etcd members that answer, each through a tunnel of its host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from windlass.domain.etcd.status import MemberStatus
from windlass.domain.host.layout import ETCD_CLIENT_PORT
from windlass.domain.pki import Pki
from windlass.domain.spec.models import Host
from windlass.effects.etcd import EtcdClient, EtcdCredentials, EtcdTarget
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import fan_out
from windlass.operations.cluster import ClusterSession

_DEADLINE = timedelta(seconds=10)


@dataclass(frozen=True)
class Members:
    """The members of one cluster as far as they answer."""

    clients: Mapping[str, EtcdClient]
    """By host."""
    statuses: Mapping[str, MemberStatus]
    """By host; the leader's comes first and was asked first."""
    unseen: Mapping[str, str]
    """Why, by host that did not answer."""

    @property
    def all_answer(self) -> bool:
        """Tell whether every etcd host of the spec answered."""
        return not self.unseen


@contextmanager
def etcd_members(session: ClusterSession, pki: Pki) -> Iterator[Members]:
    """Give clients of the members that answer, and how each sees itself: followers were asked after the leader."""
    credentials = EtcdCredentials.of(pki)
    with ExitStack() as closing:

        def reach(host: Host, connection: Connection) -> EtcdClient:
            forward = closing.enter_context(connection.forward("127.0.0.1", ETCD_CLIENT_PORT))
            target = EtcdTarget(host.name, *forward.address)
            return closing.enter_context(EtcdClient(target, credentials, _DEADLINE))

        reached = session.try_on_hosts(session.cluster.hosts_with("etcd"), reach)
        clients = {name: outcome.get() for name, outcome in reached.items() if outcome.is_ok}
        first = fan_out(clients, lambda name: clients[name].status())
        leaders = {name: one.get() for name, one in first.items() if one.is_ok and one.get().is_leader}
        again = fan_out([name for name in clients if name not in leaders], lambda name: clients[name].status())
        followers = {name: outcome.get() for name, outcome in again.items() if outcome.is_ok}
        lost = {name: str(outcome.error) for name, outcome in reached.items() if not outcome.is_ok}
        mute = {name: str(outcome.error) for name, outcome in again.items() if not outcome.is_ok}
        yield Members(clients, {**leaders, **followers}, {**lost, **mute})
