"""Hosts as EC2 instances, each at the private address that the spec gives it, found again by its tags."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field, ValidationError

from windlass.domain.spec.base import Many, Section
from windlass.domain.spec.models import Cluster, Host
from windlass.errors import NotReadyError, RefusedError, SpecError, UnreachableError

CLUSTER_TAG = "windlass-cluster"
HOST_TAG = "windlass-host"
_RUNNING = timedelta(minutes=5)
_PAUSE_SECONDS = 5.0
_LIVE = ("pending", "running", "stopping", "stopped")


class Ec2Settings(Section):
    """The spec's `hosts.settings` for instances of EC2."""

    image_id: str = Field(description="AMI of a supported system, with the login of `ssh.user`.", min_length=1)
    instance_type: str = Field(description="Such as m7i.large.", min_length=1)
    subnet_id: str = Field(description="Subnet that all addresses of the hosts lie in.", min_length=1)
    security_group_ids: Many[str] = Field(description="Groups that let hosts reach each other.", min_length=1)
    key_name: str | None = Field(None, description="Key pair whose private key the SSH connection holds.")
    volume_gibibytes: int = Field(50, description="Size of the root volume, which is encrypted.", ge=8, le=16384)
    root_device: str = Field("/dev/xvda", description="Name of the image's root device.")

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Ec2Settings:
        """Read the spec's settings; SpecError lists all that is wrong."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise SpecError("\n".join(f"spec.hosts.settings.{problem}" for problem in problems)) from error


@dataclass(frozen=True)
class _Instance:
    instance_id: str
    host: str
    state: str
    address: str


class Ec2Provider:
    """Makes and destroys instances; see `HostProvider`. `client` is boto3's for EC2."""

    makes_hosts = True

    def __init__(self, client: Any, settings: Ec2Settings, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._settings = settings
        self._pause = pause

    def missing(self, cluster: Cluster) -> tuple[str, ...]:
        """Return the hosts without a running instance; see `HostProvider.missing`."""
        running = {one.host for one in self._instances(cluster) if one.state == "running"}
        return tuple(host.name for host in cluster.spec.hosts.members if host.name not in running)

    def provide(self, cluster: Cluster, run: str) -> tuple[str, ...]:
        """Make and start what is missing; see `HostProvider.provide`."""
        there = {one.host: one for one in self._instances(cluster)}
        _check_addresses(cluster, there)
        missing = self.missing(cluster)
        for host in cluster.spec.hosts.members:
            if host.name not in there:
                self._launch(cluster, host, run)
        stopped = [one.instance_id for one in there.values() if one.state in {"stopping", "stopped"}]
        if stopped:
            with _translated("start instances"):
                self._client.start_instances(InstanceIds=stopped)
        self._wait_until_running(cluster)
        return missing

    def destroy(self, cluster: Cluster, names: Collection[str] | None = None) -> tuple[str, ...]:
        """Terminate instances with the cluster's tag; see `HostProvider.destroy`."""
        instances = [one for one in self._instances(cluster) if names is None or one.host in names]
        if instances:
            with _translated("terminate instances"):
                self._client.terminate_instances(InstanceIds=[one.instance_id for one in instances])
        return tuple(one.host for one in instances)

    def _launch(self, cluster: Cluster, host: Host, run: str) -> None:
        settings = self._settings
        tags = {CLUSTER_TAG: cluster.name, HOST_TAG: host.name, "Name": f"{cluster.name}-{host.name}"}
        volume = {"VolumeSize": settings.volume_gibibytes, "VolumeType": "gp3", "Encrypted": True}
        request: dict[str, Any] = {
            "ImageId": settings.image_id,
            "InstanceType": settings.instance_type,
            "MinCount": 1,
            "MaxCount": 1,
            # The same request again gives the same instance.
            "ClientToken": hashlib.sha256(f"{cluster.name}/{host.name}/{run}".encode()).hexdigest(),
            "SubnetId": settings.subnet_id,
            "SecurityGroupIds": list(settings.security_group_ids),
            "PrivateIpAddress": host.node_address,
            "BlockDeviceMappings": [{"DeviceName": settings.root_device, "Ebs": volume}],
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "TagSpecifications": [
                {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
                for kind in ("instance", "volume")
            ],
        }
        if settings.key_name is not None:
            request["KeyName"] = settings.key_name
        with _translated(f"launch {host.name}"):
            self._client.run_instances(**request)

    def _wait_until_running(self, cluster: Cluster) -> None:
        deadline = time.monotonic() + _RUNNING.total_seconds()
        while missing := self.missing(cluster):
            if time.monotonic() > deadline:
                raise NotReadyError(f"EC2: not running after {_RUNNING}: {', '.join(missing)}")
            self._pause(_PAUSE_SECONDS)

    def _instances(self, cluster: Cluster) -> list[_Instance]:
        filters = [
            {"Name": f"tag:{CLUSTER_TAG}", "Values": [cluster.name]},
            {"Name": "instance-state-name", "Values": list(_LIVE)},
        ]
        with _translated("list instances"):
            pages = self._client.get_paginator("describe_instances").paginate(Filters=filters)
            found = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
        return [_read(one) for one in found]


def _read(instance: Mapping[str, Any]) -> _Instance:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    address = instance.get("PrivateIpAddress", "")
    return _Instance(instance["InstanceId"], tags.get(HOST_TAG, ""), instance["State"]["Name"], address)


def _check_addresses(cluster: Cluster, there: Mapping[str, _Instance]) -> None:
    for host in cluster.spec.hosts.members:
        instance = there.get(host.name)
        if instance is not None and instance.address != host.node_address:
            raise RefusedError(
                f"{host.name}: {instance.instance_id} has the address {instance.address}, the spec says "
                f"{host.node_address}; an instance keeps its address: put it back into the spec, or terminate it"
            )


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        reason = error.response.get("Error", {})
        raise RefusedError(f"EC2: cannot {doing}: {reason.get('Code')}: {reason.get('Message')}") from error
    except BotoCoreError as error:
        raise UnreachableError(f"EC2: {doing}: {error}") from error
