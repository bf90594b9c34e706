"""The way to etcd's members: the only place that opens a client, each through a tunnel of a host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from windlass.domain.etcd.status import MemberStatus
from windlass.domain.host.layout import ETCD_CLIENT_PORT
from windlass.domain.pki import Pki
from windlass.effects.etcd import EtcdClient, EtcdCredentials, EtcdTarget
from windlass.effects.etcd.client import DEADLINE
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import fan_out
from windlass.operations.cluster import ClusterSession

_TOGETHER = timedelta(seconds=10)
"""What each call may take where all members are asked at once."""


@dataclass(frozen=True)
class MemberRoute:
    """A way to a member: through a host, to an address as that host sees it; by default to the host's own member."""

    through: Connection
    address: str = "127.0.0.1"
    port: int = ETCD_CLIENT_PORT
    open_client: Callable[..., EtcdClient] = EtcdClient
    """Gives the client once the tunnel is there; see `Clients.etcd`."""


@contextmanager
def etcd_client(
    route: MemberRoute, credentials: EtcdCredentials, deadline: timedelta = DEADLINE
) -> Iterator[EtcdClient]:
    """Give a client of the member at the end of `route`; whether it runs shows with the first call.

    Each call has `deadline`. UnreachableError if there is no way to the host that it goes through.
    """
    with route.through.forward(route.address, route.port) as forward:
        target = EtcdTarget(route.through.host, *forward.address)
        with route.open_client(target, credentials, deadline) as client:
            yield client


@contextmanager
def etcd_member(session: ClusterSession, pki: Pki, host: str, deadline: timedelta = DEADLINE) -> Iterator[EtcdClient]:
    """Give a client of the member on `host`, through that host, by Windlass's own certificate; see `etcd_client`."""
    route = MemberRoute(session.connections.get(host), open_client=session.clients.etcd)
    with etcd_client(route, EtcdCredentials.of(pki), deadline) as client:
        yield client


@dataclass(frozen=True)
class EtcdClients:
    """Clients of the members of one cluster, as far as they answer."""

    clients: Mapping[str, EtcdClient]
    """By host."""
    statuses: Mapping[str, MemberStatus]
    """By host; the leader's comes first and was asked first."""
    reasons: Mapping[str, str]
    """Why, by host that did not answer."""


@contextmanager
def etcd_clients(session: ClusterSession, pki: Pki) -> Iterator[EtcdClients]:
    """Give clients of the members that answer, and what each says of itself: followers were asked after the leader."""
    with ExitStack() as closing:
        reached = session.try_on_hosts(
            session.cluster.hosts_with("etcd"),
            lambda host, _: closing.enter_context(etcd_member(session, pki, host.name, _TOGETHER)),
        )
        clients = {name: outcome.get() for name, outcome in reached.items() if outcome.is_ok}
        first = fan_out(clients, lambda name: clients[name].status())
        leaders = {name: one.get() for name, one in first.items() if one.is_ok and one.get().is_leader}
        again = fan_out([name for name in clients if name not in leaders], lambda name: clients[name].status())
        followers = {name: outcome.get() for name, outcome in again.items() if outcome.is_ok}
        lost = {name: str(outcome.error) for name, outcome in reached.items() if not outcome.is_ok}
        silent = {name: str(outcome.error) for name, outcome in again.items() if not outcome.is_ok}
        yield EtcdClients(clients, {**leaders, **followers}, {**lost, **silent})
