"""The spec's `hosts.settings` for the provider `ec2`, and what follows from them for each host."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from windlass.domain.addresses import read_address
from windlass.domain.host.layout import API_PORT
from windlass.domain.spec.base import Many, Section, section, setting
from windlass.domain.spec.models import Cluster, Host, Role


def _range(text: str) -> str:
    """Return an IPv4 range as it is; ValueError that says what is wrong with it."""
    try:
        IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"it is no IPv4 range: {error}; write one such as 10.0.1.0/24") from error
    return text


def _address(text: str) -> str:
    try:
        IPv4Address(text)
    except ValueError as error:
        raise ValueError("it is no IPv4 address") from error
    return text


Cidr = Annotated[str, AfterValidator(_range)]
"""An IPv4 range such as 10.0.1.0/24."""
Ipv4 = Annotated[str, AfterValidator(_address)]


class Ec2Subnet(Section):
    """A subnet that Windlass makes."""

    zone: str = Field(description="Availability zone, such as eu-west-1a.", min_length=1)
    cidr: Cidr = Field(description="Its range, such as 10.0.1.0/24: it holds addresses of hosts.")


class Ec2Size(Section):
    """What machines with one role are like; what is left out is as for all."""

    instance_type: str | None = setting(None, "Such as m7i.large; null: as for all.", min_length=1)
    image_id: str | None = setting(None, "AMI; null: as for all.", min_length=1)
    volume_gibibytes: int | None = setting(None, "Size of the root volume; null: as for all.", ge=8, le=16384)


class Ec2Roles(Section):
    """What machines are like by role. A host with several roles is as the first of them here says."""

    etcd: Ec2Size = section(Ec2Size, "Hosts with the role etcd.")
    control_plane: Ec2Size = section(Ec2Size, "Hosts with the role control-plane.")
    worker: Ec2Size = section(Ec2Size, "Hosts with the role worker.")

    def of(self, host: Host) -> Iterator[Ec2Size]:
        """Yield what is said of the roles of a host, the first counts most."""
        by_role: tuple[tuple[Role, Ec2Size], ...] = (
            ("etcd", self.etcd), ("control-plane", self.control_plane), ("worker", self.worker),
        )  # fmt: skip
        return (size for role, size in by_role if role in host.roles)


class Ec2Balancer(Section):
    """A network load balancer in front of the API servers; `api.endpoint` names it."""

    addresses: Many[Ipv4] = setting(
        [], "Private addresses that it gets, one a subnet; it is internal then.", max_length=16
    )
    allocation_ids: Many[str] = setting(
        [], "Elastic addresses of yours, one a subnet in the order of the subnets; it faces the internet then."
    )

    @model_validator(mode="after")
    def _has_one_kind(self) -> Ec2Balancer:
        if bool(self.addresses) == bool(self.allocation_ids):
            raise ValueError("give either addresses, for an internal one, or allocationIds, for one in the internet")
        return self


class Ec2Settings(Section):
    """The spec's `hosts.settings` for instances of EC2."""

    image_id: str = Field(description="AMI of a supported system, with cloud-init.", min_length=1)
    instance_type: str = Field(description="Such as m7i.large.", min_length=1)
    volume_gibibytes: int = setting(50, "Size of the root volume, which is encrypted.", ge=8, le=16384)
    root_device: str = setting("/dev/xvda", "Name of the image's root device.")
    by_role: Ec2Roles = section(Ec2Roles, "What hosts are like by role.")
    spot: Many[Literal["worker"]] = setting(
        [], "`[worker]`: hosts that are workers and nothing else are spot instances, which EC2 may take back."
    )
    subnet_id: str | None = setting(None, "One subnet that is there, with all addresses of the hosts.", min_length=1)
    subnet_ids: Many[str] = setting([], "Subnets that are there; each host goes to the one that holds its address.")
    vpc_id: str | None = setting(None, "VPC in which `subnets` are made.", min_length=1)
    subnets: Many[Ec2Subnet] = setting([], "Subnets that Windlass makes and deletes, over zones.")
    security_group_ids: Many[str] = setting(
        [], "Groups of yours that hosts get; empty: Windlass makes groups, with just the ports that a cluster needs."
    )
    ssh_from: Many[Cidr] = setting([], "Ranges from which hosts are logged in to: where Airflow's tasks run.")
    api_from: Many[Cidr] = setting([], "Ranges whose clients reach the Kubernetes API.")
    key_name: str | None = setting(
        None, "Key pair of yours; null: Windlass imports the public key of the SSH connection.", min_length=1
    )
    load_balancer: Ec2Balancer | None = setting(None, "A load balancer for the Kubernetes API; null: none.")
    first_boot: bool = setting(
        default=True,
        text="Whether instances get user data for cloud-init: only the key of the SSH connection is let in, and the "
        "machine says its SSH host key on its console, by which Windlass knows it. Off for images without cloud-init.",
    )
    tags: dict[str, str] = setting({}, "Further tags of all that is made.")

    @property
    def known_subnets(self) -> tuple[str, ...]:
        """The ids of the subnets that are there already."""
        return (*((self.subnet_id,) if self.subnet_id else ()), *self.subnet_ids)

    @model_validator(mode="after")
    def _has_one_network(self) -> Ec2Settings:
        ways = [bool(self.subnet_id), bool(self.subnet_ids), bool(self.subnets)]
        if ways.count(True) != 1:
            raise ValueError("give one of subnetId, subnetIds, or subnets (with vpcId): where the hosts' addresses lie")
        if self.subnets and not self.vpc_id:
            raise ValueError("subnets are made in a VPC: give vpcId")
        if self.security_group_ids and (self.ssh_from or self.api_from):
            raise ValueError("sshFrom and apiFrom are for groups that Windlass makes: leave securityGroupIds out")
        if not self.security_group_ids and not self.ssh_from:
            raise ValueError("give sshFrom, the ranges of Airflow's tasks, or else securityGroupIds of groups of yours")
        if any(key.startswith(("windlass-", "aws:")) or key == "Name" for key in self.tags):
            raise ValueError("tags cannot be called Name, windlass-… or aws:…: those are set already")
        return self

    def instance_type_of(self, host: Host) -> str:
        """Return the type of a host's instance."""
        return next((one.instance_type for one in self.by_role.of(host) if one.instance_type), self.instance_type)

    def image_of(self, host: Host) -> str:
        """Return the image that a host begins with."""
        return next((one.image_id for one in self.by_role.of(host) if one.image_id), self.image_id)

    def volume_of(self, host: Host) -> int:
        """Return the size of a host's root volume in GiB."""
        return next(
            (one.volume_gibibytes for one in self.by_role.of(host) if one.volume_gibibytes), self.volume_gibibytes
        )

    def is_spot(self, host: Host) -> bool:
        """Tell whether a host may be taken back by EC2: a worker that is nothing else."""
        return set(host.roles) <= set(self.spot)


def ec2_problems(cluster: Cluster, settings: Ec2Settings) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield what does not go together in a spec with hosts of EC2: path below `spec`, what is wrong, what is right."""
    api, balancer = cluster.spec.api, settings.load_balancer
    if api.virtual_address is not None:
        wrong = "AWS delivers no packets to an address that it did not give to a machine"
        right = "let hosts.settings have a loadBalancer for the API, and name it as `endpoint`"
        yield ("api", "virtualAddress"), wrong, right
    if balancer is not None and api.endpoint is None:
        right = f"set it to what leads to the load balancer: an address of it, or a DNS name of all, with :{API_PORT}"
        yield ("api", "endpoint"), "it is missing, and there is a load balancer for the API", right
    if balancer is not None and api.endpoint is not None and not api.endpoint.endswith(f":{API_PORT}"):
        yield ("api", "endpoint"), "the load balancer listens at another port", f"give it port {API_PORT}"
    made = [IPv4Network(one.cidr) for one in settings.subnets]
    for index, one in enumerate(made):
        if any(one.overlaps(other) for other in made[:index]):
            yield ("hosts", "settings", "subnets"), f"{one} overlaps another subnet", "give ranges of their own"
    for host in cluster.spec.hosts.members:
        address = read_address(host.node_address)
        if made and address is not None and not any(address in one for one in made):
            path = ("hosts", "settings", "subnets")
            yield path, f"none of them holds {host.node_address}, the address of {host.name}", "add one that does"
