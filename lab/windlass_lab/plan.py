"""What a lab is to be: its hosts, their addresses, its network. Values and rules only, nothing here acts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from windlass.errors import SpecError

LABEL = "io.windlass.lab"
"""Every container, volume and network of a lab carries this label with the lab's name as its value."""

RESERVED_NAMES = frozenset({"engine", "image", "locks"})
"""Directories beside the labs' own that keep what outlives a lab."""

SERVICE_OFFSETS: Mapping[str, int] = {"mirror": 2, "registry": 3, "s3": 4}
FIRST_HOST_OFFSET = 11
LAST_HOST_OFFSET = 199
"""Addresses above it are left for load balancers of the clusters in the lab."""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_DISK_SIZE = re.compile(r"[1-9][0-9]*[MG]")


@dataclass(frozen=True)
class LabPlan:
    """A lab as it should be."""

    name: str
    hosts: tuple[str, ...]
    bare: bool = False
    """Hosts have no Docker Engine: creating a cluster brings it."""
    disk_size: str = ""
    """Size of each host's own disk below /var/lib/windlass, as `4G` or `512M`; empty: the machine's disk."""
    services: bool = True
    """Whether the lab has its mirror, registry and S3 server."""
    vms: tuple[str, ...] = ()
    """Hosts that are virtual machines; they never have a Docker Engine."""

    @property
    def names(self) -> tuple[str, ...]:
        """All hosts."""
        return (*self.hosts, *self.vms)

    def __post_init__(self) -> None:
        """Refuse names that no container could have, and sizes that nothing can be made of."""
        if not _NAME.fullmatch(self.name) or self.name in RESERVED_NAMES:
            raise SpecError(
                f"`{self.name}` cannot name a lab: use a-z, 0-9 and `-`, a letter first, not engine, image or locks"
            )
        wrong = [host for host in self.names if not _NAME.fullmatch(host) or host in SERVICE_OFFSETS]
        if wrong:
            raise SpecError(f"{', '.join(wrong)}: no name for a host; use a-z, 0-9 and `-`, a letter first")
        if not self.names or len(set(self.names)) != len(self.names):
            raise SpecError("a lab needs at least one host, and each name once")
        if self.disk_size and not _DISK_SIZE.fullmatch(self.disk_size):
            raise SpecError(f"`{self.disk_size}` is no size for a disk; write `4G` or `512M`")


def host_names(text: str) -> tuple[str, ...]:
    """Read `--hosts`: a number of hosts (up to three `cp-N`, the rest `w-N`), or their names with commas."""
    if not text.isdigit():
        return tuple(name.strip() for name in text.split(","))
    count = int(text)
    if not count:
        return ()
    planes = count if count in {1, 3} else min(3, max(1, count - 1))
    return (*(f"cp-{number + 1}" for number in range(planes)), *(f"w-{number + 1}" for number in range(count - planes)))


def vm_names(text: str) -> tuple[str, ...]:
    """Read `--vms`: a number of virtual machines (`vm-N`), or their names with commas."""
    if not text.isdigit():
        return tuple(name.strip() for name in text.split(","))
    return tuple(f"vm-{number + 1}" for number in range(int(text)))


def free_subnets(name: str, taken: Iterable[IPv4Network]) -> Iterator[IPv4Network]:
    """Yield /24 networks that overlap nothing in `taken`; the first to try depends on the lab's name.

    All lie in 10.87.0.0/16, clear of the default pod and Service networks of a cluster.
    """
    used = list(taken)
    start = hashlib.sha256(name.encode()).digest()[0]
    for step in range(256):
        subnet = IPv4Network(f"10.87.{(start + step) % 256}.0/24")
        if not any(subnet.overlaps(other) for other in used):
            yield subnet


def service_addresses(subnet: IPv4Network) -> dict[str, IPv4Address]:
    """Return where the mirror, the registry and the S3 server of a lab answer."""
    return {name: subnet[offset] for name, offset in SERVICE_OFFSETS.items()}


def host_addresses(subnet: IPv4Network, hosts: Sequence[str], kept: Mapping[str, str]) -> dict[str, str]:
    """Give each host an address in `subnet`: the one it has in `kept`, else the lowest free one."""
    used = set(kept.values())
    free = (
        str(subnet[offset])
        for offset in range(FIRST_HOST_OFFSET, LAST_HOST_OFFSET + 1)
        if str(subnet[offset]) not in used
    )
    try:
        return {host: kept.get(host) or next(free) for host in hosts}
    except (StopIteration, RuntimeError) as error:
        raise SpecError(f"a lab has room for {LAST_HOST_OFFSET - FIRST_HOST_OFFSET + 1} hosts") from error
