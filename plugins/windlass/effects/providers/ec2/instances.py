"""The instances of a cluster: listed by their tags, launched, started, terminated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from windlass.domain.scripts.first_boot import first_boot
from windlass.domain.spec.models import Host
from windlass.effects.providers.ec2.cloud import (
    FIRST_BOOT_TAG,
    HOST_KEY_TAG,
    HOST_TAG,
    Cloud,
    code_of,
    of_cluster,
    short_digest,
    tags_of,
    translated,
)

LIVE = frozenset({"pending", "running", "stopping", "stopped"})
STOPPED = frozenset({"stopping", "stopped"})
ENDED = frozenset({"shutting-down", "terminated"})


@dataclass(frozen=True)
class Instance:
    """An instance as it is now."""

    id: str
    host: str
    state: str
    address: str
    groups: frozenset[str]
    host_key: str | None
    """Its SSH host key (`type base64`), once it has said it; None also where it says none."""
    says_host_key: bool
    reason: str
    """Why it ended, where it has."""

    @property
    def is_ready(self) -> bool:
        """Whether it runs, and its SSH host key is known if it says one."""
        return self.state == "running" and (self.host_key is not None or not self.says_host_key)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Instance:
        """Read what AWS says of one."""
        tags = tags_of(value)
        interfaces = value.get("NetworkInterfaces", ())[:1]
        groups = [*value.get("SecurityGroups", ()), *(group for one in interfaces for group in one.get("Groups", ()))]
        return cls(
            id=value["InstanceId"],
            host=tags.get(HOST_TAG, ""),
            state=value["State"]["Name"],
            address=value.get("PrivateIpAddress", ""),
            groups=frozenset(group["GroupId"] for group in groups),
            host_key=tags.get(HOST_KEY_TAG),
            says_host_key=FIRST_BOOT_TAG in tags,
            reason=value.get("StateReason", {}).get("Message", ""),
        )


@dataclass(frozen=True)
class Placement:
    """Where a new instance goes."""

    subnet: str
    groups: Collection[str]
    key_name: str | None


@dataclass(frozen=True)
class Instances:
    """The instances of one cluster."""

    cloud: Cloud
    cluster: str
    launched: dict[str, str] = field(default_factory=dict)
    """Hosts by the ids of the instances that were launched here."""

    def all(self) -> list[Instance]:
        """Return every instance that is there, also those that ended a moment ago."""
        with translated("list instances"):
            pages = self.cloud.ec2.get_paginator("describe_instances").paginate(Filters=[of_cluster(self.cluster)])
            found = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
        return [Instance.of(one) for one in found]

    def live(self) -> list[Instance]:
        """Return those that have not ended."""
        return [one for one in self.all() if one.state in LIVE]

    def launch(self, host: Host, place: Placement, run: str) -> None:
        """Launch the instance of a host; the same request of the same run again gives the same instance."""
        # A run's second machine for a host, after its first one ended, is another request.
        ended = sorted(one.id for one in self.all() if one.host == host.name and one.state in ENDED)
        token = short_digest(self.cluster, host.name, run, *ended, digits=64)
        request = {**self._machine(host, place), "ClientToken": token, "MinCount": 1, "MaxCount": 1}
        with translated(f"launch {host.name}"):
            answer = self.cloud.ec2.run_instances(**request)
        self.launched[answer["Instances"][0]["InstanceId"]] = host.name

    def _machine(self, host: Host, place: Placement) -> dict[str, Any]:
        settings = self.cloud.settings
        volume = {"VolumeSize": settings.volume_of(host), "VolumeType": "gp3", "Encrypted": True}
        kinds = ["instance", "volume", "network-interface"]
        more: dict[str, Any] = {}
        marks = {HOST_TAG: host.name}
        if settings.is_spot(host):
            kinds.append("spot-instances-request")
            options = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
            more["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": options}
        if place.key_name is not None:
            more["KeyName"] = place.key_name
        if settings.first_boot:
            marks[FIRST_BOOT_TAG] = "1"
            more["UserData"] = first_boot(self.cloud.login(host))
        tags = self.cloud.tags(self.cluster, f"{self.cluster}-{host.name}", **marks)
        return {
            "ImageId": settings.image_of(host),
            "InstanceType": settings.instance_type_of(host),
            "NetworkInterfaces": [
                {
                    "DeviceIndex": 0,
                    "SubnetId": place.subnet,
                    "Groups": sorted(place.groups),
                    "PrivateIpAddress": host.node_address,
                    "DeleteOnTermination": True,
                }
            ],
            "BlockDeviceMappings": [
                {"DeviceName": settings.root_device, "Ebs": {**volume, "DeleteOnTermination": True}}
            ],
            # Pods reach no metadata: one hop is as far as a process of the host itself.
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in kinds],
            **more,
        }

    def start(self, instances: Iterable[Instance]) -> None:
        """Start instances that were stopped."""
        if ids := [one.id for one in instances]:
            with translated("start instances"):
                self.cloud.ec2.start_instances(InstanceIds=ids)

    def terminate(self, instances: Iterable[Instance]) -> None:
        """Terminate instances, with their volumes."""
        if ids := [one.id for one in instances]:
            with translated("terminate instances"):
                self.cloud.ec2.terminate_instances(InstanceIds=ids)

    def set_groups(self, instance: Instance, groups: Collection[str]) -> None:
        """Give an instance these security groups, and no others."""
        if instance.groups != set(groups):
            with translated(f"give {instance.host} its security groups"):
                self.cloud.ec2.modify_instance_attribute(InstanceId=instance.id, Groups=sorted(groups))

    def console(self, instance: Instance) -> str:
        """Return what an instance has written to its console; empty as long as EC2 has nothing of it."""
        with translated(f"read the console of {instance.host}"):
            try:
                answer = self.cloud.ec2.get_console_output(InstanceId=instance.id, Latest=True)
            except ClientError as error:
                if code_of(error) != "UnsupportedOperation":  # of types before Nitro, whose console comes minutes late
                    raise
                answer = self.cloud.ec2.get_console_output(InstanceId=instance.id)
        return str(answer.get("Output", ""))

    def keep_host_key(self, instance: Instance, key: str) -> None:
        """Write an instance's host key into its tags."""
        with translated(f"tag {instance.host}"):
            self.cloud.ec2.create_tags(Resources=[instance.id], Tags=[{"Key": HOST_KEY_TAG, "Value": key}])
