"""The host provider that a spec names, with its login from an Airflow connection."""

from __future__ import annotations

from functools import partial
from typing import Any

import boto3
from botocore.config import Config

from windlass.airflow.connections import cluster_connection
from windlass.airflow.hooks.host import HostHook
from windlass.domain.catalog.drivers import Traffic
from windlass.domain.scripts.first_boot import MachineLogin
from windlass.domain.spec.connection_scope import DEFAULT_EC2_CONNECTION
from windlass.domain.spec.ec2_settings import Ec2Settings
from windlass.domain.spec.libcloud_settings import LibcloudSettings
from windlass.domain.spec.models import Cluster, Host
from windlass.domain.spec.provider_settings import read_settings
from windlass.effects.providers import Cloud, Ec2Provider, HostProvider, StaticProvider, installed_provider
from windlass.effects.providers.libcloud import LibcloudProvider, make_driver
from windlass.effects.ssh.login import public_key
from windlass.errors import SpecError


def host_provider(cluster: Cluster, between_nodes: tuple[Traffic, ...] = ()) -> HostProvider:
    """Return the provider of the cluster's hosts; SpecError if there is none such, or its settings are wrong.

    `between_nodes` is what drivers send from node to node, which a cloud's firewall has to let through.
    """
    hosts = cluster.spec.hosts
    if hosts.provider in {"static", "lab"}:
        return StaticProvider()
    if hosts.provider == "ec2":
        ec2, elb = _aws_clients(hosts.connection or DEFAULT_EC2_CONNECTION, cluster.name)
        settings, login = read_settings(Ec2Settings, hosts.settings), partial(_login, cluster)
        return Ec2Provider(Cloud(ec2, elb, settings, login, between_nodes=between_nodes))
    if hosts.provider == "libcloud":
        return _libcloud(cluster, read_settings(LibcloudSettings, hosts.settings))
    return installed_provider(hosts.provider)(dict(hosts.settings))


def _login(cluster: Cluster, host: Host) -> MachineLogin:
    """Return who is let in to a machine that is made: the login that the spec has for it, by its key alone."""
    target = HostHook(cluster.spec.hosts.ssh.connection).target(cluster, host)
    return MachineLogin(target.user, public_key(target), target.port)


def _libcloud(cluster: Cluster, settings: LibcloudSettings) -> LibcloudProvider:
    """Make the driver with the connection alone: a spec does not say where the login is sent."""
    if cluster.spec.hosts.connection is None:
        raise SpecError("spec.hosts.connection: libcloud needs the connection that holds the cloud's login")
    connection = cluster_connection(cluster.spec.hosts.connection, cluster.name)
    login = [one for one in (connection.login, connection.password) if one]
    options = connection.extra_dejson.get("libcloud") or {}
    return LibcloudProvider(make_driver(settings.driver, login, options), settings, partial(_login, cluster))


def _aws_clients(conn_id: str, cluster: str) -> tuple[Any, Any]:
    connection = cluster_connection(conn_id, cluster)
    region = connection.extra_dejson.get("region_name")
    if not region:
        raise SpecError(f'connection `{conn_id}` names no region; add it to the extra: {{"region_name": "…"}}')
    session = boto3.session.Session(
        aws_access_key_id=connection.login or None,
        aws_secret_access_key=connection.password or None,
        aws_session_token=connection.extra_dejson.get("aws_session_token"),
        region_name=region,
    )
    settings = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})
    endpoint = connection.extra_dejson.get("endpoint_url")
    return session.client("ec2", endpoint_url=endpoint, config=settings), session.client(
        "elbv2", endpoint_url=endpoint, config=settings
    )
