"""The `docker` command lines that make a lab's containers and its network. Pure: values in, argv out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from windlass.domain.host.layout import DATA
from windlass_lab.machine import Machine
from windlass_lab.plan import LABEL

ROLE_LABEL = f"{LABEL}.role"
HOST_LABEL = f"{LABEL}.host"

HOST_VOLUMES = {"docker": "/var/lib/docker", "windlass": DATA, "kubelet": "/var/lib/kubelet"}
"""Overlay file systems cannot lie on a container's own overlay: these lie on the machine's disk."""

STOP_SIGNAL = "SIGRTMIN+3"
"""Tells systemd to shut the system down in order."""


@dataclass(frozen=True)
class HostContainer:
    """One host of a lab, as its container is made."""

    lab: str
    host: str
    address: str
    image: str
    machine: Machine
    has_own_disk: bool = False


@dataclass(frozen=True)
class ServiceContainer:
    """One of a lab's own services: a program out of the mirror that runs in a container of the host image."""

    lab: str
    role: str
    address: str
    image: str
    command: tuple[str, ...]
    binds: tuple[tuple[Path, str], ...] = ()
    """Files and directories of this machine and where they are seen, read-only."""
    volume: str = ""
    """Where the service's data lies; empty if it has none."""
    env_file: Path | None = None


def network_name(lab: str) -> str:
    """Return the name of a lab's network."""
    return f"windlass-lab-{lab}"


def container_name(lab: str, host: str) -> str:
    """Return the name of the container of a host or service."""
    return f"windlass-lab-{lab}-{host}"


def volume_name(lab: str, host: str, volume: str) -> str:
    """Return the name of one volume of a host or service."""
    return f"{container_name(lab, host)}-{volume}"


def host_volumes(lab: str, host: str) -> tuple[str, ...]:
    """Return the names of all volumes that a host may have."""
    return tuple(volume_name(lab, host, volume) for volume in (*HOST_VOLUMES, "disk"))


def create_network_argv(lab: str, subnet: IPv4Network) -> tuple[str, ...]:
    """Return the command that makes a lab's network with its gateway at the first address."""
    address = ("--subnet", str(subnet), "--gateway", str(subnet[1]))
    return ("network", "create", "--label", f"{LABEL}={lab}", *address, network_name(lab))


def privilege_argv(machine: Machine) -> tuple[str, ...]:
    """Return the options that let systemd, Docker and kubelet run inside a container on this machine.

    `--privileged` asks for all capabilities and fails where one is missing from the bounding set: there the same is
    put together from its parts without the missing ones.
    """
    if not machine.missing_capabilities:
        return ("--privileged",)
    dropped = [word for name in machine.missing_capabilities for word in ("--cap-drop", name)]
    profiles = [
        word for name in ("seccomp", "apparmor", "systempaths") for word in ("--security-opt", f"{name}=unconfined")
    ]
    return ("--cap-add", "ALL", *dropped, *profiles, "--device-cgroup-rule", "a *:* rwm")


def create_host_argv(plan: HostContainer) -> tuple[str, ...]:
    """Return the command that creates a host's container."""
    volumes = [_volume(plan.lab, plan.host, volume, target) for volume, target in HOST_VOLUMES.items()]
    if plan.has_own_disk:
        volumes.append(_volume(plan.lab, plan.host, "disk", "/var/lib/windlass-disk"))
    modules = ("--volume", "/lib/modules:/lib/modules:ro") if plan.machine.has_modules else ()
    scratch = ("--tmpfs", "/run:exec,mode=755", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec,mode=1777")  # noqa: S108 - inside the container
    return (
        *_create(plan.lab, plan.host, plan.address),
        *("--label", f"{ROLE_LABEL}=host", "--label", f"{HOST_LABEL}={plan.host}"),
        *("--stop-signal", STOP_SIGNAL, "--cgroupns", "private", "--env", "container=docker"),
        *privilege_argv(plan.machine),
        *scratch,
        *(word for volume in volumes for word in ("--mount", volume)),
        *modules,
        *(plan.image, "/entry.sh"),
    )


def create_service_argv(plan: ServiceContainer) -> tuple[str, ...]:
    """Return the command that creates the container of one of the lab's services."""
    binds = [f"type=bind,source={source},target={target},readonly" for source, target in plan.binds]
    data = [_volume(plan.lab, plan.role, "data", plan.volume)] if plan.volume else []
    env = ("--env-file", str(plan.env_file)) if plan.env_file else ()
    return (
        *_create(plan.lab, plan.role, plan.address),
        *("--label", f"{ROLE_LABEL}={plan.role}", "--init"),
        *env,
        *(word for mount in (*binds, *data) for word in ("--mount", mount)),
        *(plan.image, *plan.command),
    )


def _create(lab: str, host: str, address: str) -> Sequence[str]:
    name = ("--name", container_name(lab, host), "--hostname", host)
    return ("create", *name, "--label", f"{LABEL}={lab}", "--network", network_name(lab), "--ip", address)


def _volume(lab: str, host: str, volume: str, target: str) -> str:
    return ",".join(
        (
            "type=volume",
            f"source={volume_name(lab, host, volume)}",
            f"target={target}",
            "volume-nocopy=true",
            f"volume-label={LABEL}={lab}",
        )
    )
