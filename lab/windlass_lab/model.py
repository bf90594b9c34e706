"""A lab as it is: what other parts need to know to use it, and the directory that keeps this."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from windlass.effects.ssh.connection import SshTarget
from windlass.errors import SpecError
from windlass_lab.places import lab_directory, lab_root, write_private
from windlass_lab.plan import service_addresses

USER = "ops"
MIRROR_PORT = 8080
REGISTRY_PORT = 5000
S3_PORT = 7070
BUCKET = "windlass"


@dataclass(frozen=True)
class LabHost:
    """One host of a lab."""

    name: str
    address: str
    public_key: str
    """Its SSH host key: type and key."""
    is_vm: bool = False
    """Whether it is a virtual machine; else it is a container."""


@dataclass(frozen=True)
class S3Credentials:
    """The login of the lab's S3 server."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class Lab:
    """A lab: addresses, keys and the services in it."""

    name: str
    subnet: str
    image: str
    hosts: tuple[LabHost, ...]
    bare: bool = False
    disk_size: str = ""

    @property
    def directory(self) -> Path:
        """Where the lab's keys and credentials lie."""
        return lab_directory(self.name)

    @property
    def key_path(self) -> Path:
        """The private key of the login `ops` on every host."""
        return self.directory / "id_ed25519"

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """Lines of an OpenSSH known_hosts file, one a host."""
        return tuple(f"{host.address} {host.public_key}" for host in self.hosts)

    @property
    def mirror_url(self) -> str:
        """The base URL of the mirror's files."""
        return f"http://{self._service('mirror')}:{MIRROR_PORT}"

    @property
    def registry(self) -> str:
        """The mirror's registry as HOST:PORT; it speaks plain HTTP."""
        return f"{self._service('registry')}:{REGISTRY_PORT}"

    @property
    def s3_endpoint(self) -> str:
        """The URL of the S3 server; the bucket `windlass` is in it."""
        return f"http://{self._service('s3')}:{S3_PORT}"

    @property
    def s3_env_file(self) -> Path:
        """A file with ROOT_ACCESS_KEY and ROOT_SECRET_KEY."""
        return self.directory / "s3.env"

    def s3_credentials(self) -> S3Credentials:
        """Read the login of the S3 server."""
        values = dict(line.split("=", 1) for line in self.s3_env_file.read_text().splitlines())
        return S3Credentials(values["ROOT_ACCESS_KEY"], values["ROOT_SECRET_KEY"])

    def host(self, name: str) -> LabHost:
        """Return one host; SpecError if the lab has none of that name."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise SpecError(f"lab `{self.name}` has no host `{name}`; it has {', '.join(host.name for host in self.hosts)}")

    def target(self, name: str) -> SshTarget:
        """Return how to log in to a host."""
        host = self.host(name)
        return SshTarget(
            name=host.name,
            address=host.address,
            user=USER,
            private_key=self.key_path.read_text(),
            known_hosts=(f"{host.address} {host.public_key}",),
        )

    def _service(self, role: str) -> str:
        return str(service_addresses(IPv4Network(self.subnet))[role])


def save(lab: Lab) -> None:
    """Write lab.json, and beside it known_hosts and ssh_config for OpenSSH's own client."""
    write_private(lab.directory / "known_hosts", "".join(f"{line}\n" for line in lab.known_hosts).encode())
    write_private(lab.directory / "ssh_config", ssh_config(lab).encode())
    document = asdict(lab) | {
        "key_path": str(lab.key_path),
        "user": USER,
        "known_hosts": lab.known_hosts,
        "mirror_url": lab.mirror_url,
        "registry": lab.registry,
        "s3": {"endpoint": lab.s3_endpoint, "bucket": BUCKET, "env_file": str(lab.s3_env_file)},
    }
    write_private(lab.directory / "lab.json", json.dumps(document, indent=2).encode())


def load(name: str) -> Lab:
    """Read a lab's state; SpecError if there is no such lab."""
    found = find(name)
    if found is None:
        present = ", ".join(all_names()) or "none"
        raise SpecError(f"there is no lab `{name}` (labs: {present}); make one by `windlass lab up --name {name}`")
    return found


def find(name: str) -> Lab | None:
    """Read a lab's state; None if there is no such lab."""
    try:
        document: dict[str, Any] = json.loads((lab_directory(name) / "lab.json").read_text())
    except FileNotFoundError:
        return None
    hosts = tuple(LabHost(**host) for host in document["hosts"])
    plain = {key: document[key] for key in ("name", "subnet", "image", "bare", "disk_size")}
    return Lab(hosts=hosts, **plain)


def forget(name: str) -> None:
    """Remove a lab's state."""
    shutil.rmtree(lab_directory(name), ignore_errors=True)


def all_names() -> list[str]:
    """Return the names of the labs that have a state."""
    return sorted(path.parent.name for path in lab_root().glob("*/lab.json"))


def ssh_config(lab: Lab) -> str:
    """Return a configuration for `ssh -F FILE HOST`."""
    common = (
        f"User {USER}\n  IdentityFile {lab.key_path}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {lab.directory / 'known_hosts'}\n  StrictHostKeyChecking yes\n"
    )
    return "".join(f"Host {host.name}\n  HostName {host.address}\n  {common}" for host in lab.hosts)
