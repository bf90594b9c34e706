"""AWS in memory: moto plays it, and faults are laid on single calls."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends

from windlass.domain.scripts.first_boot import KEYS_END, MachineLogin
from windlass.domain.spec import Cluster, Host
from windlass.domain.spec.ec2_settings import Ec2Settings
from windlass.domain.spec.provider_settings import read_settings
from windlass.effects.providers import Cloud, Ec2Provider

REGION = "eu-west-1"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ"
HOST_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"
CONSOLE = (
    f"boot\nwindlass-host-key ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC=\nwindlass-host-key ssh-ed25519 {HOST_KEY}\n"
)


class CrashError(BaseException):
    """The process ends: nothing catches it, and nothing is known of the call's answer."""


@dataclass
class Fault:
    """What happens at which call; `at` counts them from 1, 0 is none."""

    kind: str = ""
    at: int = 0
    only: frozenset[str] = frozenset()
    """Operations that count; empty: all."""
    unless: Collection[str] = ()
    """Operations that do not."""
    calls: list[str] = field(default_factory=list)

    def lay(self, client: Any) -> None:
        client.meta.events.register("before-call.*.*", self._before)
        client.meta.events.register_last("after-call.*.*", self._after)

    def _before(self, model: Any, **_: Any) -> tuple[Any, Any] | None:
        if self._counts(model.name):
            self.calls.append(model.name)
            if len(self.calls) == self.at and self.kind != "crash":
                raise ClientError({"Error": {"Code": self.kind, "Message": "not now"}}, model.name)
        if model.name == "RunInstances":
            _free_addresses()
        if model.name == "GetConsoleOutput":
            text = base64.b64encode(f"{CONSOLE}{KEYS_END}\n".encode()).decode()
            return SimpleNamespace(status_code=200), {"Output": text, "ResponseMetadata": {}}
        return None

    def _counts(self, operation: str) -> bool:
        return (not self.only or operation in self.only) and operation not in self.unless

    def _after(self, model: Any, **_: Any) -> None:
        if self._counts(model.name) and len(self.calls) == self.at and self.kind == "crash":
            raise CrashError


def _free_addresses() -> None:
    """Give free the addresses of instances that ended, as EC2 does, and moto only once Python forgets them."""
    there = ec2_backends[DEFAULT_ACCOUNT_ID][REGION]
    for instance in there.all_instances():
        if instance.state == "terminated":
            there.get_subnet(instance.subnet_id).del_subnet_ip(instance.private_ip)


@cache
def _session() -> boto3.Session:
    """Return one session for all tests: the model of EC2's API is read once, which takes a second or two."""
    return boto3.Session("a", "b", region_name=REGION)


def clients(fault: Fault | None = None) -> tuple[Any, Any]:
    made = [_session().client(name) for name in ("ec2", "elbv2")]
    for client in made:
        (fault or Fault()).lay(client)
    return made[0], made[1]


def provider(
    settings: dict[str, Any], fault: Fault | None = None, login: Callable[[Host], MachineLogin] | None = None
) -> Ec2Provider:
    ec2, elb = clients(fault)
    read = read_settings(Ec2Settings, settings)
    return Ec2Provider(Cloud(ec2, elb, read, login or (lambda _: MachineLogin("ops", KEY)), pause=lambda _: None))


def cluster(
    settings: dict[str, Any], hosts: dict[str, tuple[str, list[str]]], name: str = "demo", **spec: Any
) -> Cluster:
    members = [{"name": host, "address": address, "roles": roles} for host, (address, roles) in hosts.items()]
    document = {
        "apiVersion": "windlass/v1",
        "kind": "Cluster",
        "metadata": {"name": name},
        "spec": {
            "kubernetes": {"version": "v1.37.2"},
            "hosts": {"provider": "ec2", "settings": settings, "members": members},
            **spec,
        },
    }
    return Cluster.model_validate(document)


def left(name: str = "demo") -> dict[str, list[str]]:
    """Return all that is there of a cluster, by kind, in words; what was never made has no entry."""
    ec2, elb = clients()
    tagged = [{"Name": "tag:windlass-cluster", "Values": [name]}]
    states = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    found = {
        "instances": [
            f"{_tag(one, 'windlass-host')} {one['PrivateIpAddress']} {one['State']['Name']}"
            for group in ec2.describe_instances(Filters=states)["Reservations"]
            for one in group["Instances"]
        ],
        "volumes": [one["State"] for one in ec2.describe_volumes()["Volumes"]],
        "interfaces": [one["Status"] for one in ec2.describe_network_interfaces()["NetworkInterfaces"]],
        "groups": [one["GroupName"] for one in ec2.describe_security_groups(Filters=tagged)["SecurityGroups"]],
        "keys": [one["KeyName"] for one in ec2.describe_key_pairs()["KeyPairs"]],
        "subnets": [one["CidrBlock"] for one in ec2.describe_subnets(Filters=tagged)["Subnets"]],
        "balancers": [one["LoadBalancerName"] for one in elb.describe_load_balancers()["LoadBalancers"]],
        "targets": [one["TargetGroupName"] for one in elb.describe_target_groups()["TargetGroups"]],
    }
    return {kind: sorted(words) for kind, words in found.items() if words}


def _tag(one: dict[str, Any], key: str) -> str:
    return next((tag["Value"] for tag in one.get("Tags", []) if tag["Key"] == key), "")
