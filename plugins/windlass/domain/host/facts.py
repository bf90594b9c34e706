"""What a machine is, before and besides all that Windlass puts there: its system, its room, its container engine.

Preflight asks for it before anything is installed, and files are rendered by it; so it is asked for apart from what a
host holds and runs (`windlass.domain.scripts.inspect_host`), which only says something once it is known what belongs
there. `windlass.domain.scripts.facts` asks; it prints lines `key=value`, a key once for each value it has.

What the script could not tell it leaves out, and the parser keeps that apart from "no": such a fact is None.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from windlass.domain.addresses import Range
from windlass.domain.architectures import architecture_of
from windlass.domain.bounded import read_from
from windlass.errors import NotReadyError

CAP_SYS_RESOURCE = 24
"""Number of the capability in Linux's capability.h."""


@dataclass(frozen=True)
class InterfaceAddress:
    """An address as an interface has it."""

    interface: str
    network: Range
    """The network that the host takes for its own because of it."""


@dataclass(frozen=True)
class HostFacts:
    """What one host said about itself; None or an empty tuple where it could not tell."""

    os_id: str | None
    os_version: str | None
    os_name: str | None
    kernel: str
    arch: str
    hostname: str
    epoch: float
    """Seconds since 1970 by the host's clock, at the moment it answered."""
    machine_id: str
    init: str
    cpus: int
    memory_kib: int
    cgroup_version: int
    """kubelet refuses 1 since Kubernetes 1.35 unless `failCgroupV1` is false (KEP 5573, which removes it altogether):
    https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/5573-remove-cgroup-v1"""
    swaps: tuple[str, ...]
    cap_bounding: int
    addresses: tuple[str, ...]
    disk_free_kib: dict[str, int]
    resolv_conf: str
    """The file that names real servers, for kubelet; not systemd-resolved's stub."""
    nameservers: tuple[str, ...]
    listening: frozenset[int]
    conntrack_writable: bool
    docker_version: str | None
    """None where Docker is not installed (to its end), `stopped` where its engine does not answer."""
    compose_version: str | None
    tools: frozenset[str]
    cluster: str | None
    """The cluster this host belongs to already."""
    skew_seconds: float = 0.0
    """The host's clock less ours, the way there and back taken off; whoever asked knows it, and not the host."""
    store_marks: str | None = None
    """Base64 of what the host keeps of the store that its keys are from (`windlass.domain.authenticity.host_marks`)."""

    lacks_docker_client: bool = False
    """Whether there is an engine without the command `docker`, which Debian has in a package of its own since 13."""
    brought_engine: bool = False
    """Whether the engine is one that Windlass brought, which follows the cluster's release."""
    lacks_apparmor_parser: bool = False
    """Whether AppArmor is on and the program missing that loads its profiles.

    Docker before 29 then starts no container; since 29 it does so without a profile
    (`hostSupports` in containerd's pkg/apparmor/apparmor_linux.go).
    """
    denies_signals: bool = False
    """Whether AppArmor 4 has its profile for runc, and the engine's own for containers takes no signals from that.

    https://github.com/moby/moby/pull/47749
    """
    is_selinux_enforcing: bool = False
    """Whether SELinux keeps programs from what no policy of the host allows them; none is shipped for ours."""
    leftovers: tuple[str, ...] = ()
    """Files of other installations of Kubernetes that take effect here."""
    rooms: Mapping[str, int] = field(default_factory=dict)
    """KiB that are free for further directories that files will lie in."""
    inodes: Mapping[str, int] = field(default_factory=dict)
    """Inodes that are free for them, where their file systems have a number of these."""
    docker_flags: tuple[str, ...] = ()
    """Names of the flags that Docker's engine runs with."""
    is_in_swarm: bool = False
    interfaces: Mapping[str, InterfaceAddress] = field(default_factory=dict)
    """Where each of its addresses is."""
    forwards: bool | None = None
    """Whether its SSH server forwards connections for the login; None where it did not tell."""

    def interface_of(self, address: str) -> str:
        """Return the interface that has `address`; NotReadyError if none has, or the host could not tell."""
        if address not in self.interfaces:
            raise NotReadyError(
                f"{self.hostname}: none of its interfaces has {address}, as it says; see `ip addr` there, and try again"
            )
        return self.interfaces[address].interface

    @property
    def architecture(self) -> str:
        """What programs here must be built for, in Go's words; empty if the host did not tell."""
        return architecture_of(self.arch)

    @property
    def has_sys_resource(self) -> bool:
        """Whether processes here may lower their OOM score and raise limits.

        Without, runc creates no container that asks for a lower score, which containerd has to keep from it:
        https://github.com/containerd/nerdctl/issues/1515.
        """
        return bool(self.cap_bounding >> CAP_SYS_RESOURCE & 1)


def parse_facts(text: str) -> HostFacts:
    """Read what the script printed; NotReadyError if the output is cut short, IntegrityError if it is not its form."""
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator:
            values.setdefault(key, []).append(value.strip())
    if "complete" not in values:
        raise NotReadyError(f"the host's answer about itself is cut short after {len(text)} bytes; ask again")
    with read_from("what the host says about itself", "see what its login shell prints, and run this again"):
        return _facts_of(values)


def _facts_of(values: dict[str, list[str]]) -> HostFacts:
    def one(key: str) -> str | None:
        found = values.get(key)
        return found[-1] or None if found else None

    def number(key: str) -> int:
        return int(one(key) or 0)

    return HostFacts(
        os_id=one("os_id"),
        os_version=one("os_version"),
        os_name=one("os_name"),
        kernel=one("kernel") or "",
        arch=one("arch") or "",
        hostname=one("hostname") or "",
        epoch=float(one("epoch") or 0),
        machine_id=one("machine_id") or "",
        init=one("init") or "",
        cpus=number("cpus"),
        memory_kib=number("memory_kib"),
        cgroup_version=number("cgroup"),
        swaps=tuple(values.get("swap", ())),
        cap_bounding=int(one("cap_bounding") or "0", 16),
        addresses=tuple(values.get("address", ())),
        disk_free_kib=_kib(values.get("disk", ())),
        resolv_conf=one("resolv_conf") or "/etc/resolv.conf",
        nameservers=tuple(values.get("nameserver", ())),
        listening=frozenset(int(port, 16) for port in values.get("listening_hex", ())),
        conntrack_writable=one("conntrack_writable") != "no",
        docker_version=one("docker"),
        compose_version=one("compose"),
        tools=frozenset(values.get("tool", ())),
        cluster=one("cluster"),
        store_marks=one("store_marks"),
        lacks_docker_client=one("docker_client") == "missing",
        brought_engine=one("docker_from") == "windlass",
        lacks_apparmor_parser=one("apparmor_parser") == "missing",
        denies_signals=one("signals") == "denied",
        is_selinux_enforcing=one("selinux") == "enforcing",
        leftovers=tuple(values.get("leftover", ())),
        rooms=_kib(values.get("room", ())),
        inodes=_kib(values.get("inodes", ())),
        docker_flags=tuple(values.get("docker_flag", ())),
        is_in_swarm=one("swarm") == "yes",
        interfaces=dict(_interfaces(values.get("interface", ()))),
        forwards={"yes": True, "no": False}.get(one("forwards") or ""),
    )


def _interfaces(lines: Sequence[str]) -> Iterator[tuple[str, InterfaceAddress]]:
    """Split lines of an interface and its address with the length of the network's prefix."""
    for line in lines:
        name, _, text = line.partition(" ")
        address, slash, _ = text.partition("/")
        if slash:
            yield address, InterfaceAddress(name, ipaddress.ip_network(text, strict=False))


def _kib(lines: Sequence[str]) -> dict[str, int]:
    """Split lines of a path and a number; a line without the number tells nothing and is left out."""
    found = (line.partition(" ") for line in lines)
    return {path: int(number) for path, _, number in found if number}


def major_and_minor(version: str) -> tuple[int, int]:
    """Return the first two numbers of a kernel's or an engine's version; zeros if it has none."""
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0].partition("-")[0]
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)
