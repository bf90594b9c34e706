"""Which traffic a cluster's hosts need, from whom to whom: what the firewall of a cloud has to let through.

Ports are those that preflight wants free on a host (`windlass.domain.host.preflight.PORTS`), and SSH and what drivers
send besides; a test sees that each has somebody here who may reach it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from windlass.domain.catalog.drivers import Traffic
from windlass.domain.host.layout import API_PORT, ETCD_CLIENT_PORT, ETCD_PEER_PORT
from windlass.domain.host.preflight import PORTS
from windlass.domain.spec.logins import login_of
from windlass.domain.spec.models import Cluster, Host

HOSTS = "hosts"
"""All hosts of the cluster, whatever their roles; hosts have the groups of their roles besides."""
BALANCER = "api"
"""The load balancer in front of the API servers."""
Protocol = Literal["tcp", "udp"]
_NODES = ("control-plane", "worker")
_FROM = {ETCD_CLIENT_PORT: ("etcd", "control-plane"), ETCD_PEER_PORT: ("etcd",)}
"""By port who reaches it; all others are asked by every host, which may be a vantage point of health checks."""


@dataclass(frozen=True, order=True)
class Allowed:
    """Traffic to the hosts of one group, from another group or from a range of addresses."""

    group: str
    protocol: Protocol
    first: int
    last: int
    source: str
    """A group of the cluster, or a range as CIDR."""

    @property
    def is_from_group(self) -> bool:
        """Whether the source is a group of the cluster."""
        return "/" not in self.source


@dataclass(frozen=True)
class Outside:
    """Who reaches a cluster's hosts besides its own components: from outside, as ranges, and for its drivers."""

    ssh: Collection[str] = ()
    api: Collection[str] = ()
    has_balancer: bool = False
    between_nodes: Collection[Traffic] = ()
    """What the cluster's drivers send from node to node."""


def groups_of(host: Host) -> tuple[str, ...]:
    """Return the groups of a host: that of all hosts, and one for each of its roles."""
    return (HOSTS, *sorted(host.roles))


def reached_by(port: int) -> tuple[str, ...]:
    """Return the groups of hosts that reach a port of one of the cluster's own components."""
    return _FROM.get(port, (HOSTS,))


def allowed_traffic(cluster: Cluster, outside: Outside) -> frozenset[Allowed]:
    """Return all that has to be let through to the hosts of a cluster, and nothing else."""
    return frozenset((*_ssh(cluster, outside), *_ports(), *_between_nodes(outside), *_api(outside)))


def _ssh(cluster: Cluster, outside: Outside) -> Iterator[Allowed]:
    """Let Windlass log in; the watch asks other hosts' SSH ports too, to tell a host that is down from a cut."""
    for port in {login_of(cluster, host).port for host in cluster.spec.hosts.members}:
        for source in (HOSTS, *outside.ssh):
            yield Allowed(HOSTS, "tcp", port, port, source)


def _ports() -> Iterator[Allowed]:
    for role, ports in PORTS.items():
        for port in ports:
            for source in reached_by(port):
                yield Allowed(role, "tcp", port, port, source)


def _between_nodes(outside: Outside) -> Iterator[Allowed]:
    for one in outside.between_nodes:
        for group in _NODES:
            for source in _NODES:
                yield Allowed(group, one.protocol, one.port, one.port, source)


def _api(outside: Outside) -> Iterator[Allowed]:
    """Let clients reach the API: all servers directly, as kubeconfigs name them, or through the load balancer."""
    for source in outside.api:
        yield Allowed("control-plane", "tcp", API_PORT, API_PORT, source)
        if outside.has_balancer:
            yield Allowed(BALANCER, "tcp", API_PORT, API_PORT, source)
    if outside.has_balancer:
        yield Allowed("control-plane", "tcp", API_PORT, API_PORT, BALANCER)
