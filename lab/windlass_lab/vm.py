"""Virtual machines of a lab: made, switched on, waited for, switched off, removed. QEMU runs them."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path

from windlass.errors import CommandError, NotReadyError, RefusedError, UnreachableError
from windlass_lab.containers import container_name, network_name
from windlass_lab.docker import THIS_MACHINE, inspect
from windlass_lab.here import run_here
from windlass_lab.identity_archive import identity_archive
from windlass_lab.keys import KeyPair
from windlass_lab.model import Lab, LabHost
from windlass_lab.places import lab_directory, write_private
from windlass_lab.qemu import (
    DISK_SIZE,
    VirtualMachine,
    bridge_name,
    identity_files,
    mac_address,
    qemu_argv,
    tap_name,
    virtualizes,
)
from windlass_lab.vm_image import ensure_machine_image

BOOT_TIME_LIMIT = timedelta(minutes=20)
"""A processor that is emulated beside other work needs some minutes."""
OFF_TIME_LIMIT = timedelta(seconds=20)


def machine_of(lab: Lab, host: LabHost) -> VirtualMachine:
    """Return the virtual machine that is a host of a lab."""
    directory = machines_directory(lab.name) / host.name
    tap = tap_name(lab.name, host.name)
    return VirtualMachine(container_name(lab.name, host.name), directory, tap, mac_address(host.address))


def machines_directory(lab: str) -> Path:
    """Return the directory of a lab's virtual machines, one directory each."""
    return lab_directory(lab) / "machines"


def switch_on(lab: Lab, host: LabHost, keys: KeyPair, nameservers: Sequence[str]) -> None:
    """Make a host's machine where it is missing, and have it boot unless it runs."""
    machine = machine_of(lab, host)
    if is_on(machine.pid_file):
        return
    if not machine.directory.exists():
        _make(machine)
    login = lab.key_path.with_suffix(".pub").read_text()
    files = identity_files(host.name, host.address, IPv4Network(lab.subnet), nameservers)
    write_private(machine.seed, identity_archive(keys, login, files))
    _plug_in(lab, machine)
    kvm = virtualizes(Path("/proc/cpuinfo").read_text())
    run_here(*qemu_argv(machine, kvm=kvm), host=host.name)


def wait_until_booted(lab: Lab, host: LabHost) -> None:
    """Return once a machine answers by SSH and systemd has started all; else NotReadyError."""
    machine = machine_of(lab, host)
    deadline = time.monotonic() + BOOT_TIME_LIMIT.total_seconds()
    while _system_state(lab, host) not in {"running", "degraded"}:
        if not is_on(machine.pid_file) or time.monotonic() > deadline:
            why = f"not up within {BOOT_TIME_LIMIT}" if is_on(machine.pid_file) else "QEMU has ended"
            raise NotReadyError(f"{host.name}: {why}; look at {machine.console}")
        time.sleep(1)


def ssh_argv(lab: Lab, host: LabHost, *words: str) -> tuple[str, ...]:
    """Return the command that runs a command line on a host by SSH, as the lab's login."""
    options = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=60", "-o", "LogLevel=ERROR")
    return ("ssh", "-F", str(lab.directory / "ssh_config"), *options, host.name, *words)


def remove_machine(lab: str, host: str) -> None:
    """Switch a machine off as by loss of power, and remove all of it; one that is not there does no harm."""
    directory = machines_directory(lab) / host
    switch_off(directory / "qemu.pid")
    if Path(f"/sys/class/net/{tap_name(lab, host)}").exists():
        run_here("ip", "link", "delete", tap_name(lab, host))
    shutil.rmtree(directory, ignore_errors=True)


def remove_machines(lab: str) -> None:
    """Remove all machines of a lab, also of one whose `up` broke off."""
    for directory in sorted(machines_directory(lab).glob("*")):
        remove_machine(lab, directory.name)


def is_on(pid_file: Path) -> bool:
    """Tell whether a machine's QEMU runs."""
    return _process(pid_file) is not None


def switch_off(pid_file: Path) -> None:
    """End a machine's QEMU; NotReadyError if it does not end."""
    deadline = time.monotonic() + OFF_TIME_LIMIT.total_seconds()
    while (process := _process(pid_file)) is not None:
        if time.monotonic() > deadline:
            raise NotReadyError(f"{THIS_MACHINE}: QEMU (process {process}) did not end on SIGKILL; stop it yourself")
        os.kill(process, signal.SIGKILL)
        time.sleep(0.1)


def _process(pid_file: Path) -> int | None:
    """Return the number of a machine's QEMU, if it runs; by now the number could be that of another process."""
    try:
        number = int(pid_file.read_text())
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    # Its command line names the file.
    return number if os.fsencode(pid_file) in words else None


def _make(machine: VirtualMachine) -> None:
    image = ensure_machine_image(lambda _: None)
    made = machine.directory.with_name(f".{machine.directory.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True, mode=0o700)
    disk = str(made / machine.disk.name)
    run_here("cp", "--sparse=always", "--reflink=auto", str(image.disk), disk)
    run_here("truncate", "--size", DISK_SIZE, disk)
    run_here("resize2fs", disk)
    shutil.copyfile(image.kernel, made / machine.kernel.name)
    shutil.copyfile(image.initrd, made / machine.initrd.name)
    made.rename(machine.directory)


def _plug_in(lab: Lab, machine: VirtualMachine) -> None:
    """Have the machine's network device on the bridge of the lab's network."""
    networks = inspect("network", [network_name(lab.name)])
    if not networks:
        raise RefusedError(f"lab `{lab.name}` has no network; run `windlass lab up --name {lab.name}` first")
    if not Path(f"/sys/class/net/{machine.tap}").exists():
        run_here("ip", "tuntap", "add", "dev", machine.tap, "mode", "tap")
    run_here("ip", "link", "set", "dev", machine.tap, "master", bridge_name(networks[0]), "up")


def _system_state(lab: Lab, host: LabHost) -> str:
    script = "systemctl is-system-running || true"  # which fails of each state but `running`, and tells it
    try:
        return run_here(*ssh_argv(lab, host, script), timeout=timedelta(minutes=2)).strip()
    except (CommandError, UnreachableError):
        # No answer yet: sshd comes late in a boot.
        return ""
