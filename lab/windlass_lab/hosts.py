"""Hosts of a lab: made, started, waited for, removed."""

from __future__ import annotations

import shlex
import socket
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from windlass.errors import CommandError, NotReadyError, UnreachableError
from windlass_lab.containers import HostContainer, container_name, create_host_argv, host_volumes
from windlass_lab.docker import docker, inspect, remove
from windlass_lab.here import run_here
from windlass_lab.identity_archive import identity_archive
from windlass_lab.keys import KeyPair, new_key_pair
from windlass_lab.machine import Machine
from windlass_lab.model import Lab, LabHost
from windlass_lab.places import lab_directory, write_private
from windlass_lab.vm import remove_machine, ssh_argv, switch_on, wait_until_booted

READY_TIME_LIMIT = timedelta(seconds=120)
VM_PATIENCE = 10
"""How many times longer a script may take where the processor may be emulated."""
ENTRY = Path(__file__).parent / "entry.sh"
"""What a host's container runs first."""

_WAIT_SCRIPT = """
until state=$(systemctl is-system-running --wait 2>/dev/null); [ "$state" = running ] || [ "$state" = degraded ]; do
    sleep 0.2
done
[ "$1" = bare ] || until systemctl --quiet is-active docker; do sleep 0.2; done
"""


@dataclass(frozen=True)
class Ground:
    """What hosts stand on: the machine, and the network's gateway as the name server of last resort."""

    machine: Machine
    gateway: str

    @property
    def nameservers(self) -> tuple[str, ...]:
        """Name servers for hosts. The gateway refuses at once what nobody answers, so that look-ups fail fast."""
        return self.machine.nameservers or (self.gateway,)


def host_keys(lab: str, host: str, *, renew: bool = False) -> KeyPair:
    """Return a host's own SSH keys, made at the first call."""
    path = lab_directory(lab) / "hosts" / host / "ssh_host_ed25519_key"
    public = path.with_suffix(".pub")
    if renew or not (path.exists() and public.exists()):
        pair = new_key_pair()
        write_private(path, pair.private.encode())
        write_private(public, pair.public.encode())
    return KeyPair(path.read_text(), public.read_text())


def host_archive(keys: KeyPair, login: str, settings: dict[str, str]) -> bytes:
    """Return a tar archive of the files that make the image one certain host. `login` is a public key."""
    environment = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    return identity_archive(keys, login, {"etc/windlass-lab.env": environment}, {"entry.sh": ENTRY.read_text()})


def bring_up(lab: Lab, host: LabHost, ground: Ground) -> None:
    """Make a host where it is missing and get it running, whatever fault it is in."""
    if host.is_vm:
        switch_on(lab, host, host_keys(lab.name, host.name), ground.nameservers)
        return
    name = container_name(lab.name, host.name)
    found = inspect("container", [name])
    state = found[0]["State"] if found else {}
    if state.get("Paused"):
        docker("unpause", name, host=host.name)
        return
    if state.get("Running"):
        return
    if not found:
        _create(lab, host, ground)
    # A container that was created by a run that broke off may lack its files: they are laid down at each start.
    docker("cp", "-", f"{name}:/", stdin=_archive(lab, host, ground), host=host.name)
    docker("start", name, host=host.name)


def wait_until_ready(lab: Lab, host: LabHost) -> None:
    """Return once systemd has booted, Docker is active (unless bare) and sshd answers; else NotReadyError."""
    if host.is_vm:
        wait_until_booted(lab, host)
        return
    limit = int(READY_TIME_LIMIT.total_seconds())
    words = ("timeout", str(limit), "sh", "-c", _WAIT_SCRIPT, "wait", "bare" if lab.bare else "docker")
    try:
        docker("exec", container_name(lab.name, host.name), *words, timeout=2 * READY_TIME_LIMIT, host=host.name)
    except CommandError as error:
        advice = f"look at `docker logs {container_name(lab.name, host.name)}` and `systemctl list-jobs` in it"
        raise NotReadyError(f"{host.name}: not up within {limit} s: {error}; {advice}") from error
    _wait_for_sshd(host)


def delete(lab: Lab, host: LabHost) -> None:
    """Remove a host and all of its data."""
    if host.is_vm:
        remove_machine(lab.name, host.name)
        return
    remove("container", [container_name(lab.name, host.name)])
    remove("volume", [one["Name"] for one in inspect("volume", host_volumes(lab.name, host.name))])


def run_as_root(lab: Lab, host: LabHost, script: str, timeout: timedelta) -> str:
    """Run a shell script on a host as root, past Windlass, and return its output; CommandError if it fails."""
    if host.is_vm:
        argv = ssh_argv(lab, host, "sudo --non-interactive sh -s")
        return run_here(*argv, stdin=script.encode(), timeout=timeout * VM_PATIENCE, host=host.name)
    words = ("exec", "--interactive", container_name(lab.name, host.name), "sh", "-s")
    return docker(*words, stdin=script.encode(), timeout=timeout, host=host.name)


def _create(lab: Lab, host: LabHost, ground: Ground) -> None:
    plan = HostContainer(lab.name, host.name, host.address, lab.image, ground.machine, bool(lab.disk_size))
    advice = "the lab needs an engine that may give containers all capabilities (not rootless, no user namespaces)"
    docker(*create_host_argv(plan), host=host.name, advice=advice)


def _archive(lab: Lab, host: LabHost, ground: Ground) -> bytes:
    login = lab.key_path.with_suffix(".pub").read_text()
    settings = {
        "NAMESERVERS": " ".join(ground.nameservers),
        "DISK_SIZE": lab.disk_size,
        "BARE": "yes" if lab.bare else "",
    }
    return host_archive(host_keys(lab.name, host.name), login, settings)


def _wait_for_sshd(host: LabHost) -> None:
    deadline = time.monotonic() + READY_TIME_LIMIT.total_seconds()
    while True:
        try:
            with socket.create_connection((host.address, 22), timeout=5) as connection:
                if connection.recv(8).startswith(b"SSH-2.0"):
                    return
        except OSError as error:
            if time.monotonic() > deadline:
                raise UnreachableError(f"{host.name}: no sshd at {host.address}:22: {error}") from error
        time.sleep(0.05)
