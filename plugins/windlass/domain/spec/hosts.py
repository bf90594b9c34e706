"""The section `spec.hosts`: which machines there are, how they are reached, and what each is for."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from windlass.domain.spec.base import Many, Section, section, setting
from windlass.domain.spec.machine import Containerd, OwnFile, own_files, own_kubelet, own_sysctls

Role = Literal["etcd", "control-plane", "worker"]


class Bastion(Section):
    """A machine through which all hosts are reached."""

    address: str = Field(description="Address or name of the bastion.")
    port: int = setting(22, "SSH port of the bastion.", ge=1, le=65535)
    user: str | None = setting(None, "Login on the bastion; null: the login of `ssh.user`.", min_length=1)
    connection: str | None = setting(
        None, "Airflow connection that holds the bastion's private key; null: that of `ssh.connection`.", min_length=1
    )
    known_hosts: Many[str] = setting([], "The bastion's host keys, as lines of a known_hosts file.")


class Proxy(Section):
    """The proxy through which hosts reach what is outside."""

    http_proxy: Any = setting(
        None, "URL of the proxy for http, and a reference to a secret if it has a login; null: none."
    )
    https_proxy: Any = setting(None, "URL of the proxy for https, in the same way; null: that for http.")
    no_proxy: Many[str] = setting(
        [],
        "What else is inside: names, domains after a `.`, addresses and ranges. Hosts, pods, services, the cluster's "
        "names, `api.endpoint` and the mirror are inside anyway.",
    )

    @property
    def is_set(self) -> bool:
        """Tell whether there is a proxy at all."""
        return self.http_proxy is not None or self.https_proxy is not None


class Ssh(Section):
    """How the hosts are reached by SSH."""

    connection: str = setting(
        "windlass_ssh", "Airflow connection of type ssh that holds the login's private key.", min_length=1
    )
    user: str | None = setting(
        None, "Login on the hosts, with sudo that asks for no password; null: the connection's login.", min_length=1
    )
    port: int = setting(22, "SSH port of the hosts.", ge=1, le=65535)
    known_hosts: Many[str] = setting(
        [],
        "The hosts' keys, as lines of a known_hosts file. Host keys are always checked; a key on a line with "
        "`@revoked` is refused wherever else it stands; `@cert-authority` is not supported.",
    )
    trust_on_first_use: bool = setting(
        default=False, text="Whether to accept and record the key of a host that is seen for the first time."
    )
    bastion: Bastion | None = setting(
        None, "Machine through which all hosts are reached; null: they are reached directly."
    )


class HostSsh(Section):
    """What is other for one host than `hosts.ssh` says for all."""

    connection: str | None = setting(
        None, "Airflow connection that holds this host's private key; null: that of `hosts.ssh`.", min_length=1
    )
    user: str | None = setting(None, "Login on this host; null: that of `hosts.ssh`.", min_length=1)
    port: int | None = setting(None, "SSH port of this host; null: that of `hosts.ssh`.", ge=1, le=65535)
    known_hosts: Many[str] = setting([], "Further lines of a known_hosts file, for this host.")
    bastion: Bastion | None = setting(
        None, "Machine through which this host is reached; null: that of `hosts.ssh`, if it has one."
    )
    direct: bool = setting(default=False, text="Whether this host is reached without the bastion of `hosts.ssh`.")


class Host(Section):
    """One machine of the cluster."""

    name: str = Field(
        description="Name of the host and of its node: lower-case letters, digits, `-` and `.`, at most 52 characters."
    )
    address: str = Field(
        description="Where Windlass reaches this host: an IP address, or a DNS name if `privateAddress` is given. "
        "Without that the host's services listen at this address, and other hosts reach them there."
    )
    private_address: str | None = setting(
        None,
        "IP address of one of the host's interfaces, at which its services listen and other hosts reach them; null: "
        "`address`.",
    )
    secondary_address: str | None = setting(
        None, "In a dual-stack cluster the host's address of the other IP family, on the same interface.", min_length=1
    )
    roles: Many[Role] = Field(description="What the host is for; one or several.", min_length=1)
    labels: dict[str, str] = setting({}, "Labels of the node.")
    taints: Many[str] = setting(
        [],
        "Taints of the node, as `key=value:Effect` or `key:Effect`. A control-plane host that is no worker gets "
        "`node-role.kubernetes.io/control-plane:NoSchedule` besides.",
    )
    ssh: HostSsh = section(HostSsh, "How this host is reached by SSH, where it differs from the others.")
    kubelet: dict[str, Any] = own_kubelet()
    containerd: Containerd = section(Containerd, "What this host's containerd reads besides.")
    sysctls: dict[str, Any] = own_sysctls()
    files: Many[OwnFile] = own_files()

    @property
    def node_address(self) -> str:
        """The address at which services of the host listen, and which it tells others."""
        return self.private_address or self.address

    @property
    def node_addresses(self) -> tuple[str, ...]:
        """The addresses of its node, the first one first: two in a dual-stack cluster."""
        return (self.node_address, *((self.secondary_address,) if self.secondary_address else ()))

    @property
    def own_addresses(self) -> frozenset[str]:
        """All addresses and names that the spec gives the host."""
        return frozenset({self.address, *self.node_addresses})

    @property
    def is_node(self) -> bool:
        """Tell whether the host runs a kubelet: one with only the role etcd is no node."""
        return "control-plane" in self.roles or "worker" in self.roles


class Hosts(Section):
    """The machines of the cluster."""

    provider: str = setting(
        "static",
        "What makes and destroys hosts: static, lab, ec2, libcloud, or the name of a provider that is installed "
        "besides; see docs/hosts.md.",
    )
    connection: str | None = setting(
        None,
        "Airflow connection of the provider's own login, such as one of type aws with `region_name` in its extra; "
        "null: `aws_default` for ec2; libcloud needs one, others are given none.",
        min_length=1,
    )
    settings: dict[str, Any] = setting(
        {}, "What the provider needs to make hosts; see docs/hosts.md. A text may be a reference to a secret."
    )
    ssh: Ssh = section(Ssh, "How the hosts are reached.")
    proxy: Proxy = section(
        Proxy, "The proxy through which hosts, Docker, containerd and kubelets reach what is outside."
    )
    members: Many[Host] = Field(description="The hosts, each with its roles.", min_length=1)
