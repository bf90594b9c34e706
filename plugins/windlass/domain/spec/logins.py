"""How Windlass logs in on one host: what the spec says of all of them, and of this one."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.spec.models import Bastion, Cluster, Host


@dataclass(frozen=True)
class HostLogin:
    """The way to one host, its own settings before those of all."""

    address: str
    port: int
    connection: str
    """The Airflow connection that holds the private key."""
    user: str | None
    """None for the connection's own login."""
    known_hosts: tuple[str, ...]
    trust_on_first_use: bool
    bastion: Bastion | None


def login_of(cluster: Cluster, host: Host, connection: str | None = None) -> HostLogin:
    """Return how a host of the cluster is reached; `connection` stands in for the one that the spec names for all."""
    for_all, own = cluster.spec.hosts.ssh, host.ssh
    usual = connection or for_all.connection
    named, user = own.connection or usual, own.user or for_all.user
    bastion = own.bastion or for_all.bastion
    if own.direct or bastion is None:
        through = None
    elif own.bastion is not None:
        through = _filled(own.bastion, named, user)
    else:
        through = _filled(bastion, usual, for_all.user)
    return HostLogin(
        address=host.address,
        port=own.port or for_all.port,
        connection=named,
        user=user,
        known_hosts=(*for_all.known_hosts, *own.known_hosts),
        trust_on_first_use=for_all.trust_on_first_use,
        bastion=through,
    )


def _filled(bastion: Bastion, connection: str, user: str | None) -> Bastion:
    """Return a bastion with the login of the hosts for which it is given, where it has none of its own."""
    own = {"connection": bastion.connection or connection, "user": bastion.user or user}
    return bastion.model_copy(update=own)
