"""A virtual machine of the lab: its files, names and QEMU's command line. Pure: values in, argv out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

MEMORY_MIB = 5120
PROCESSORS = 2
DISK_SIZE = "20G"
"""Of the file system of a machine; the file takes what is written to it."""
INTERFACE = "eth0"


@dataclass(frozen=True)
class VirtualMachine:
    """One virtual machine, as QEMU runs it."""

    name: str
    """Of the process, for who looks at a list of them."""
    directory: Path
    """Where all of its files lie."""
    tap: str
    """Its end of the network on this machine."""
    mac: str

    @property
    def disk(self) -> Path:
        """The disk with its root file system."""
        return self.directory / "disk.img"

    @property
    def kernel(self) -> Path:
        """The kernel that it boots."""
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """What the kernel finds its disk with."""
        return self.directory / "initrd"

    @property
    def seed(self) -> Path:
        """A tar archive of what makes it this machine, its second disk."""
        return self.directory / "seed.tar"

    @property
    def console(self) -> Path:
        """What it has said since it was switched on."""
        return self.directory / "console.log"

    @property
    def pid_file(self) -> Path:
        """The number of QEMU's process, written by QEMU."""
        return self.directory / "qemu.pid"


def virtualizes(cpuinfo: str) -> bool:
    """Tell from /proc/cpuinfo whether the processor runs guests by itself (Intel VT-x, AMD-V).

    There is a /dev/kvm without it, on machines that are guests themselves, which runs only kernels made for that.
    """
    flags = {flag for line in cpuinfo.splitlines() if line.startswith("flags") for flag in line.split()}
    return bool(flags & {"vmx", "svm"})


def qemu_argv(machine: VirtualMachine, *, kvm: bool) -> tuple[str, ...]:
    """Return the command that switches a machine on and ends once QEMU runs by itself.

    With `kvm` it uses that if it may; else the machine's processors are emulated.
    """
    # A fault of the machine below is none of the tests: what the guest has written need not reach the disk to stay.
    disk = f"file={machine.disk},format=raw,if=virtio,cache=unsafe"
    seed = f"file={machine.seed},format=raw,if=virtio,readonly=on"
    # Each of these costs an emulated processor much, and shows nothing: a line on the console, a barrier against other
    # guests; and a fifth level of page tables, below.
    kernel = "root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=10 quiet audit=0 mitigations=off"
    return (
        *("qemu-system-x86_64", "-name", machine.name, "-no-user-config", "-nodefaults"),
        *("-machine", "q35", *(("-accel", "kvm") if kvm else ()), "-accel", "tcg,thread=multi", "-cpu", "max,la57=off"),
        *("-smp", str(PROCESSORS), "-m", str(MEMORY_MIB)),
        *("-kernel", str(machine.kernel), "-initrd", str(machine.initrd), "-append", kernel),
        *("-drive", disk, "-drive", seed),
        *("-netdev", f"tap,id=net,ifname={machine.tap},script=no,downscript=no"),
        *("-device", f"virtio-net-pci,netdev=net,mac={machine.mac},romfile="),
        *("-device", "virtio-rng-pci", "-display", "none", "-serial", f"file:{machine.console}"),
        *("-pidfile", str(machine.pid_file), "-daemonize"),
    )


def tap_name(lab: str, host: str) -> str:
    """Return the name of a machine's network device here; the kernel allows 15 characters."""
    return f"wlvm-{hashlib.sha256(f'{lab}/{host}'.encode()).hexdigest()[:10]}"


def mac_address(address: str) -> str:
    """Return the hardware address that goes with an address: one that nobody else on the network has."""
    return "52:54:" + ":".join(f"{byte:02x}" for byte in IPv4Address(address).packed)


def bridge_name(network: Mapping[str, Any]) -> str:
    """Return the bridge of one of Docker's networks, from what `docker network inspect` says of it."""
    named = (network.get("Options") or {}).get("com.docker.network.bridge.name")
    return str(named or f"br-{network['Id'][:12]}")


def identity_files(host: str, address: str, subnet: IPv4Network, nameservers: Sequence[str]) -> dict[str, str]:
    """Return the files that give a machine its name and its place in the lab's network."""
    servers = "".join(f"nameserver {server}\n" for server in nameservers)
    network = f"[Match]\nName={INTERFACE}\n[Network]\nAddress={address}/{subnet.prefixlen}\nGateway={subnet[1]}\n"
    return {
        "etc/hostname": f"{host}\n",
        "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {host}\n",
        "etc/resolv.conf": servers,
        "etc/systemd/network/10-lab.network": network,
    }
