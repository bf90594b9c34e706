"""The host provider that a spec names, with its login from an Airflow connection."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from windlass.airflow.connections import cluster_connection
from windlass.domain.spec.models import Cluster
from windlass.effects.providers import Ec2Provider, Ec2Settings, HostProvider, StaticProvider, installed_provider
from windlass.errors import SpecError

DEFAULT_EC2_CONNECTION = "aws_default"


def host_provider(cluster: Cluster) -> HostProvider:
    """Return the provider of the cluster's hosts; SpecError if there is none such, or its settings are wrong."""
    hosts = cluster.spec.hosts
    if hosts.provider in {"static", "lab"}:
        return StaticProvider()
    if hosts.provider == "ec2":
        return Ec2Provider(
            _ec2_client(hosts.connection or DEFAULT_EC2_CONNECTION, cluster.name), Ec2Settings.read(hosts.settings)
        )
    return installed_provider(hosts.provider)(dict(hosts.settings))


def _ec2_client(conn_id: str, cluster: str) -> Any:
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
    return session.client("ec2", endpoint_url=connection.extra_dejson.get("endpoint_url"), config=settings)
