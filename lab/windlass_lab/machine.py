"""What the machine under the lab can do: capabilities, cgroups, name servers. Pure parsers and one reader."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address
from pathlib import Path

# fmt: off
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)
# fmt: on
"""By number, from <linux/capability.h>."""


@dataclass(frozen=True)
class Machine:
    """The facts of a machine that decide how a host's container is made."""

    missing_capabilities: tuple[str, ...]
    """What not even root can have here."""
    nameservers: tuple[str, ...]
    """Name servers that containers can reach, too; may be empty."""
    has_modules: bool
    """Whether /lib/modules exists."""


def parse_missing_capabilities(status: str, last: int) -> tuple[str, ...]:
    """Name the capabilities up to number `last` that the bounding set in a /proc/PID/status lacks."""
    found = re.search(r"^CapBnd:\s*([0-9a-f]+)$", status, re.MULTILINE)
    bounding = int(found.group(1), 16) if found else ~0
    return tuple(name for number, name in enumerate(CAPABILITIES[: last + 1]) if not bounding >> number & 1)


def parse_nameservers(resolv_conf: str) -> tuple[str, ...]:
    """Return the name servers of a resolv.conf, without loopback ones, which a container cannot reach."""
    words = [line.split() for line in resolv_conf.splitlines()]
    servers = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    return tuple(server for server in servers if not ip_address(server.split("%")[0]).is_loopback)


def parse_routes(route_table: str) -> tuple[IPv4Network, ...]:
    """Return the networks of a /proc/net/route, without the default route."""
    networks = []
    for line in route_table.splitlines()[1:]:
        words = line.split()
        destination, mask = (int.from_bytes(bytes.fromhex(words[column]), "little") for column in (1, 7))
        if mask:
            networks.append(IPv4Network((destination, mask.bit_count())))
    return tuple(networks)


def read_machine() -> Machine:
    """Look at this machine, and at the Docker engine's own limits where it is seen running."""
    engines = engine_processes()
    status = Path(f"/proc/{engines[0] if engines else 'self'}/status").read_text()
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    resolv_conf = Path("/etc/resolv.conf")
    return Machine(
        missing_capabilities=parse_missing_capabilities(status, last),
        nameservers=parse_nameservers(resolv_conf.read_text() if resolv_conf.exists() else ""),
        has_modules=Path("/lib/modules").is_dir(),
    )


def engine_processes() -> Sequence[int]:
    """Return the process ids of the Docker engines that serve this machine, not those inside lab hosts.

    One that somebody runs beside, with a socket of its own, is none of them.
    """
    mine = pid_namespace_depth(_status("self"))
    numbers = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    engines = [number for number in numbers if _command(number) == "dockerd" and serves_machine(_arguments(number))]
    return sorted(int(number) for number in engines if pid_namespace_depth(_status(number)) == mine)


def serves_machine(arguments: Sequence[str]) -> bool:
    """Say whether an engine with this command line listens where `docker` looks for it without a setting."""
    words = iter(arguments[1:])
    listens = [
        word.partition("=")[2] if "=" in word else next(words, "")
        for word in words
        if word.partition("=")[0] in {"-H", "--host"}
    ]
    # One that has ended, and that nobody has asked for how, has no command line any more.
    return bool(arguments) and (not listens or any(one in _USUAL_SOCKETS or one.startswith("fd://") for one in listens))


_USUAL_SOCKETS = {"unix://", "unix:///var/run/docker.sock", "unix:///run/docker.sock"}


def pid_namespace_depth(status: str) -> int:
    """Return in how many process namespaces a process has a number, from its /proc/PID/status; 0 if it is gone."""
    found = re.search(r"^NSpid:(.*)$", status, re.MULTILINE)
    return len(found.group(1).split()) if found else 0


def process_start(pid: int) -> str:
    """Return when `pid` started, in ticks since boot; empty if it does not run. With the pid it names a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _arguments(pid: str) -> Sequence[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return ()


def _status(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""
