"""Logins on hosts, from an Airflow connection of type ssh and what the spec says."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import BaseHook, Connection

from windlass.airflow.connections import find_connection
from windlass.domain.spec.models import Bastion, Cluster, Host
from windlass.effects.transport.connection import SshTarget
from windlass.errors import SpecError


class HostHook(BaseHook):
    """Turns an Airflow connection of the ssh provider into logins on the hosts of a cluster.

    The connection holds the login and its private key (extra `private_key`, or `key_file`: a path on this machine); a
    host's address comes from the spec, so that one connection serves all hosts of a cluster.
    """

    def __init__(self, ssh_conn_id: str = "windlass_ssh") -> None:
        super().__init__()
        self.ssh_conn_id = ssh_conn_id

    def targets(self, cluster: Cluster) -> list[SshTarget]:
        """Return the login on each host; SpecError if the connection lacks something."""
        return [self.target(cluster, host) for host in cluster.spec.hosts.members]

    def target(self, cluster: Cluster, host: Host) -> SshTarget:
        """Return the login on one host."""
        ssh, connection = cluster.spec.hosts.ssh, find_connection(self.ssh_conn_id)
        return SshTarget(
            name=host.name,
            address=host.address,
            port=ssh.port,
            user=_user(connection, ssh.user),
            private_key=_private_key(connection),
            known_hosts=(*ssh.known_hosts, *_known_hosts(connection)),
            trust_on_first_use=ssh.trust_on_first_use,
            bastion=self._bastion(ssh.bastion, connection, ssh.user) if ssh.bastion else None,
        )

    def _bastion(self, bastion: Bastion, hosts: Connection, user: str | None) -> SshTarget:
        connection = find_connection(bastion.connection) if bastion.connection else hosts
        return SshTarget(
            name=f"bastion {bastion.address}",
            address=bastion.address,
            port=bastion.port,
            user=bastion.user or _user(connection, user),
            private_key=_private_key(connection),
            known_hosts=(*bastion.known_hosts, *_known_hosts(connection)),
        )


def _user(connection: Connection, wanted: str | None) -> str:
    user = wanted or connection.login
    if not user:
        raise SpecError(f"connection `{connection.conn_id}` has no login; add one, or set spec.hosts.ssh.user")
    return user


def _private_key(connection: Connection) -> str:
    extra = connection.extra_dejson
    if extra.get("private_key"):
        return str(extra["private_key"])
    if extra.get("key_file"):
        try:
            return Path(extra["key_file"]).expanduser().read_text(encoding="utf-8")
        except OSError as error:
            raise SpecError(f"connection `{connection.conn_id}`: key_file: {error}") from error
    raise SpecError(f"connection `{connection.conn_id}` has no private key; add `private_key` (PEM) to its extra")


def _known_hosts(connection: Connection) -> tuple[str, ...]:
    text = connection.extra_dejson.get("known_hosts") or ""
    return tuple(line for line in text.splitlines() if line.strip())
