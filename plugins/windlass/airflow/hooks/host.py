"""Logins on hosts, from an Airflow connection of type ssh and what the spec says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import BaseHook, Connection
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from windlass.airflow.connections import cluster_connection
from windlass.domain.spec.logins import login_of
from windlass.domain.spec.models import Bastion, Cluster, Host
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.pool import Connections, SshConnector
from windlass.effects.store import HostKeys
from windlass.errors import SpecError


class HostHook(BaseHook):
    """Turns an Airflow connection of the ssh provider into logins on the hosts of a cluster.

    The connection holds the login and its private key (extra `private_key`, or `key_file`: a path on this machine;
    `private_key_passphrase` if it has one). A host's address comes from the spec, so that one connection serves all
    hosts of a cluster but those for which the spec names another. Host keys come from the spec and from the extras
    `known_hosts` (lines of such a file) and `host_key` (one key that every host shows). The ssh provider's switches
    that turn the check off have no effect.
    """

    def __init__(self, ssh_conn_id: str = "windlass_ssh") -> None:
        super().__init__()
        self.ssh_conn_id = ssh_conn_id

    def connections(self, cluster: Cluster, keys: HostKeys) -> Connections:
        """Return the hosts, each to be connected when it is needed; keys trusted on first use are kept in `keys`."""
        return Connections(keys.known(self.targets(cluster)), SshConnector(keys.record))

    def targets(self, cluster: Cluster) -> list[SshTarget]:
        """Return the login on each host; SpecError if the connection lacks something."""
        return [self.target(cluster, host) for host in cluster.spec.hosts.members]

    def target(self, cluster: Cluster, host: Host) -> SshTarget:
        """Return the login on one host."""
        login = login_of(cluster, host, self.ssh_conn_id)
        connection = cluster_connection(login.connection, cluster.name)
        return SshTarget(
            name=host.name,
            address=login.address,
            port=login.port,
            user=_user(connection, login.user),
            private_key=_private_key(connection),
            known_hosts=(*login.known_hosts, *_known_hosts(connection)),
            trust_on_first_use=login.trust_on_first_use,
            bastion=_bastion(login.bastion, cluster, connection) if login.bastion else None,
        )


def _bastion(bastion: Bastion, cluster: Cluster, hosts: Connection) -> SshTarget:
    connection = cluster_connection(bastion.connection, cluster.name) if bastion.connection else hosts
    return SshTarget(
        name=f"bastion {bastion.address}",
        address=bastion.address,
        port=bastion.port,
        user=_user(connection, bastion.user),
        private_key=_private_key(connection),
        known_hosts=(*bastion.known_hosts, *_known_hosts(connection)),
    )


def _user(connection: Connection, desired: str | None) -> str:
    user = desired or connection.login
    if not user:
        raise SpecError(f"connection `{connection.conn_id}` has no login; add one, or set spec.hosts.ssh.user")
    return user


def _private_key(connection: Connection) -> str:
    extra = connection.extra_dejson
    text, passphrase = _key_text(connection, extra), extra.get("private_key_passphrase")
    if not passphrase:
        return text
    try:
        key = _load_key(text.encode(), str(passphrase).encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        problem = f"connection `{connection.conn_id}`: private_key_passphrase does not open the private key"
        raise SpecError(problem) from None
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _load_key(text: bytes, passphrase: bytes) -> PrivateKeyTypes:
    if b"BEGIN OPENSSH" in text:
        return load_ssh_private_key(text, passphrase)
    return load_pem_private_key(text, passphrase)


def _key_text(connection: Connection, extra: Mapping[str, Any]) -> str:
    if extra.get("private_key"):
        return str(extra["private_key"])
    if extra.get("key_file"):
        try:
            return Path(extra["key_file"]).expanduser().read_text(encoding="utf-8")
        except OSError as error:
            raise SpecError(f"connection `{connection.conn_id}`: key_file: {error}") from error
    raise SpecError(f"connection `{connection.conn_id}` has no private key; add `private_key` (PEM) to its extra")


def _known_hosts(connection: Connection) -> tuple[str, ...]:
    extra = connection.extra_dejson
    lines = tuple(line for line in (extra.get("known_hosts") or "").splitlines() if line.strip())
    return (*lines, f"* {extra['host_key']}") if extra.get("host_key") else lines
