"""What lies around the instances of a cluster: subnets, security groups, the key pair."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network
from typing import Any

from botocore.exceptions import ClientError

from windlass.domain.addresses import read_address
from windlass.domain.providers.traffic import HOSTS, Allowed, Outside, allowed_traffic
from windlass.domain.spec.models import Cluster, Host
from windlass.effects.providers.ec2.cloud import (
    CLUSTER_TAG,
    GROUP_TAG,
    Cloud,
    code_of,
    of_cluster,
    short_digest,
    tags_of,
    translated,
)
from windlass.errors import NotReadyError, RefusedError

_FREE = timedelta(minutes=10)
_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Subnets:
    """The subnets that hosts lie in."""

    vpc: str
    by_range: Mapping[IPv4Network, str]

    def of(self, address: str) -> str:
        """Return the subnet that holds an address; RefusedError if none does."""
        found = [id_ for network, id_ in self.by_range.items() if read_address(address) in network]
        if not found:
            ranges = ", ".join(map(str, self.by_range))
            raise RefusedError(f"no subnet of the spec holds the address {address}; they have {ranges}")
        return found[0]


@dataclass(frozen=True)
class Group:
    """A security group of a cluster, and what it lets in."""

    id: str
    allows: frozenset[Allowed]


@dataclass(frozen=True)
class VpcParts:
    """Makes, converges and deletes what one cluster's instances need around them; each call may be made twice."""

    cloud: Cloud
    cluster: str

    @property
    def _outside(self) -> Outside:
        settings = self.cloud.settings
        has_balancer, between_nodes = settings.load_balancer is not None, self.cloud.between_nodes
        return Outside(settings.ssh_from, settings.api_from, has_balancer=has_balancer, between_nodes=between_nodes)

    def subnets(self) -> Subnets:
        """Return the subnets, those that Windlass makes made."""
        settings = self.cloud.settings
        if settings.known_subnets:
            with translated("list subnets"):
                found = self.cloud.ec2.describe_subnets(SubnetIds=list(settings.known_subnets))["Subnets"]
            return _subnets(found)
        there = {one["CidrBlock"]: one for one in self._made_subnets()}
        for one in settings.subnets:
            if one.cidr not in there:
                there[one.cidr] = self._make_subnet(one.cidr, one.zone)
        return _subnets([there[one.cidr] for one in settings.subnets])

    def _make_subnet(self, cidr: str, zone: str) -> dict[str, Any]:
        tags = self.cloud.tags(self.cluster, f"{self.cluster}-{zone}")
        with translated(f"make the subnet {cidr}"):
            answer = self.cloud.ec2.create_subnet(
                VpcId=self.cloud.settings.vpc_id,
                CidrBlock=cidr,
                AvailabilityZone=zone,
                TagSpecifications=[{"ResourceType": "subnet", "Tags": tags}],
            )
        return dict(answer["Subnet"])

    def _made_subnets(self) -> list[dict[str, Any]]:
        with translated("list subnets"):
            return list(self.cloud.ec2.describe_subnets(Filters=[of_cluster(self.cluster)])["Subnets"])

    def groups(self, cluster: Cluster, vpc: str) -> dict[str, str]:
        """Return the ids of the security groups by name, made, and letting in all that the cluster needs.

        What they let in besides stays until `narrow`: what runs may need it as long as it is not changed.
        """
        desired = allowed_traffic(cluster, self._outside)
        there = self.known_groups()
        for name in sorted({one.group for one in desired} - there.keys()):
            there[name] = Group(self._make_group(name, vpc), frozenset())
        ids = {name: group.id for name, group in there.items()}
        for name, group in there.items():
            lacking = {one for one in desired if one.group == name} - group.allows
            self._allow(group, lacking, ids)
        return ids

    def narrow(self, cluster: Cluster) -> None:
        """Have the security groups let in nothing that the cluster does not need."""
        desired = allowed_traffic(cluster, self._outside)
        there = self.known_groups()
        ids = {name: group.id for name, group in there.items()}
        for group in there.values():
            self._revoke(group, group.allows - desired, ids)

    def known_groups(self) -> dict[str, Group]:
        """Return the security groups that were made, by name."""
        with translated("list security groups"):
            pages = self.cloud.ec2.get_paginator("describe_security_groups").paginate(
                Filters=[of_cluster(self.cluster)]
            )
            found = [one for page in pages for one in page["SecurityGroups"]]
        names = {one["GroupId"]: tags_of(one).get(GROUP_TAG, one["GroupName"]) for one in found}
        return {
            names[one["GroupId"]]: Group(one["GroupId"], _allowed(names[one["GroupId"]], one, names)) for one in found
        }

    def _make_group(self, name: str, vpc: str) -> str:
        whole = f"windlass-{self.cluster}-{name}"
        what = "all hosts" if name == HOSTS else name
        with translated(f"make the security group {whole}"):
            answer = self.cloud.ec2.create_security_group(
                GroupName=whole,
                Description=f"Windlass cluster {self.cluster}: {what}",
                VpcId=vpc,
                TagSpecifications=[
                    {
                        "ResourceType": "security-group",
                        "Tags": self.cloud.tags(self.cluster, whole, **{GROUP_TAG: name}),
                    }
                ],
            )
        return str(answer["GroupId"])

    def _allow(self, group: Group, rules: Collection[Allowed], ids: Mapping[str, str]) -> None:
        if rules:
            with translated(f"open ports of {group.id}"):
                self.cloud.ec2.authorize_security_group_ingress(
                    GroupId=group.id, IpPermissions=_permissions(rules, ids)
                )

    def _revoke(self, group: Group, rules: Collection[Allowed], ids: Mapping[str, str]) -> None:
        if rules:
            with translated(f"close ports of {group.id}"):
                self.cloud.ec2.revoke_security_group_ingress(GroupId=group.id, IpPermissions=_permissions(rules, ids))

    def key_pairs(self, hosts: Collection[Host]) -> dict[str, str | None]:
        """Return by host the name of the key pair by which it lets us in, imported; None where it needs none."""
        if self.cloud.settings.key_name is not None:
            return {host.name: self.cloud.settings.key_name for host in hosts}
        keys = {host.name: self.cloud.login(host).public_key for host in hosts}
        pairs = {key: self._imported(key) for key in set(keys.values())}
        return {name: pairs[key] for name, key in keys.items()}

    def _imported(self, key: str) -> str | None:
        if key.startswith("ecdsa"):  # EC2 imports no such key; the user data has it
            return None
        name = f"windlass-{self.cluster}-{short_digest(key, digits=8)}"
        if name not in self._key_pairs():
            tags = self.cloud.tags(self.cluster, name)
            with translated("import the public key"):
                self.cloud.ec2.import_key_pair(
                    KeyName=name,
                    PublicKeyMaterial=key.encode(),
                    TagSpecifications=[{"ResourceType": "key-pair", "Tags": tags}],
                )
        return name

    def _key_pairs(self) -> list[str]:
        with translated("list key pairs"):
            found = self.cloud.ec2.describe_key_pairs(Filters=[of_cluster(self.cluster)])["KeyPairs"]
        return [one["KeyName"] for one in found if tags_of(one).get(CLUSTER_TAG) == self.cluster]

    def delete(self) -> None:
        """Delete all of it that was made; nothing may be in it any more."""
        there = self.known_groups()
        ids = {name: group.id for name, group in there.items()}
        for group in there.values():  # no group can be deleted that another one lets in
            self._revoke(group, group.allows, ids)
        for name, group in there.items():
            self._once_free(f"delete the security group {name}", self.cloud.ec2.delete_security_group, GroupId=group.id)
        for key in self._key_pairs():
            with translated(f"delete the key pair {key}"):
                self.cloud.ec2.delete_key_pair(KeyName=key)
        for subnet in self._made_subnets():
            id_ = subnet["SubnetId"]
            self._once_free(f"delete the subnet {id_}", self.cloud.ec2.delete_subnet, SubnetId=id_)

    def _once_free(self, doing: str, delete: Callable[..., object], **given: str) -> None:
        """Delete something as soon as nothing is in it: interfaces of a load balancer outlive it by some minutes."""
        deadline = time.monotonic() + _FREE.total_seconds()
        while True:
            try:
                with translated(doing):
                    delete(**given)
            except NotReadyError as error:
                is_in_use = (
                    isinstance(error.__cause__, ClientError) and code_of(error.__cause__) == "DependencyViolation"
                )
                if not is_in_use or time.monotonic() > deadline:
                    raise
                self.cloud.pause(_PAUSE_SECONDS)
            else:
                return


def _subnets(found: Iterable[Mapping[str, Any]]) -> Subnets:
    subnets = list(found)
    vpcs = sorted({one["VpcId"] for one in subnets})
    if len(vpcs) != 1:
        raise RefusedError(f"the subnets of the spec lie in {', '.join(vpcs) or 'no VPC'}; give subnets of one VPC")
    return Subnets(vpcs[0], {IPv4Network(one["CidrBlock"]): one["SubnetId"] for one in subnets})


def _allowed(name: str, group: Mapping[str, Any], names: Mapping[str, str]) -> frozenset[Allowed]:
    """Return what a group lets in; sources that are not this cluster's groups go by their ids."""
    found = set()
    for rule in group.get("IpPermissions", ()):
        ports = (rule["IpProtocol"], rule.get("FromPort", -1), rule.get("ToPort", -1))
        sources = [one["CidrIp"] for one in rule.get("IpRanges", ())]
        sources += [names.get(one["GroupId"], one["GroupId"]) for one in rule.get("UserIdGroupPairs", ())]
        found |= {Allowed(name, *ports, source) for source in sources}
    return frozenset(found)


def _permissions(rules: Collection[Allowed], ids: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "IpProtocol": one.protocol,
            "FromPort": one.first,
            "ToPort": one.last,
            **(
                {"UserIdGroupPairs": [{"GroupId": ids.get(one.source, one.source)}]}
                if one.is_from_group
                else {"IpRanges": [{"CidrIp": one.source}]}
            ),
        }
        for one in sorted(rules)
    ]
