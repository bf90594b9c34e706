"""Bring a lab up, look at it, take it down."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from windlass.errors import CommandError, RefusedError, UnreachableError
from windlass_lab.containers import HOST_LABEL, create_network_argv, network_name
from windlass_lab.docker import docker, inspect, labelled, remove, subnets
from windlass_lab.engine import engine_answers, ensure_engine, owns_engine, stop_own_engine
from windlass_lab.hosts import Ground, bring_up, host_keys, wait_until_ready
from windlass_lab.image import ensure_image
from windlass_lab.keys import new_key_pair
from windlass_lab.machine import parse_routes, read_machine
from windlass_lab.model import Lab, LabHost, find, forget, load, save
from windlass_lab.places import Say, exclusive, lab_directory, shared, write_private
from windlass_lab.plan import LabPlan, free_subnets, host_addresses
from windlass_lab.services import bring_up_services
from windlass_lab.vm import is_on, machine_of, remove_machines
from windlass_lab.vm_image import ensure_machine_image

__all__ = ["HostStatus", "Lab", "LabPlan", "down", "ground", "load", "status", "up"]

AT_ONCE = 8
"""How many hosts are worked on side by side."""


@dataclass(frozen=True)
class HostStatus:
    """What Docker says of one host or service of a lab."""

    name: str
    address: str
    role: str
    state: str
    """`running`, `paused`, `exited`, `created`, …; `missing` if it has no container."""


def up(plan: LabPlan, say: Say = lambda _: None) -> Lab:
    """Make the lab as planned, or complete it, and return once all of its hosts are ready.

    Hosts that the lab has and `plan` does not name stay. RefusedError if the lab exists with other options.
    """
    with shared("engine-use"), exclusive(f"lab-{plan.name}"):
        ensure_engine(say)
        _check_same_options(plan)
        if not lab_directory(plan.name).exists():
            _check_is_not_elsewhere(plan.name)
            lab_directory(plan.name).mkdir(parents=True, mode=0o700)
        image = ensure_image(say)
        lab = _prepare(plan, image, _ensure_network(plan.name))
        under = ground(lab)
        if any(host.is_vm and not machine_of(lab, host).directory.exists() for host in lab.hosts):
            ensure_machine_image(say)
        say(f"lab `{lab.name}`: starting {len(lab.hosts)} hosts in {lab.subnet}")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            services = pool.submit(bring_up_services, lab) if plan.services else None
            hosts = [pool.submit(_start_and_wait, lab, host, under) for host in lab.hosts]
            _collect([*hosts, *([services] if services else [])])
        return lab


def down(name: str, say: Say = lambda _: None, *, force: bool = False) -> bool:
    """Remove all that a lab made, and the engine if the lab started it and nothing else uses it.

    Also completes a `down` or an `up` that broke off. Returns whether there was anything to remove. What has the lab's
    label but no state here belongs to somebody else's lab of that name: RefusedError, unless `force` is given.
    """
    with exclusive(f"lab-{name}"):
        had_state = lab_directory(name).exists()
        if had_state or owns_engine():
            ensure_engine(say)
        elif not engine_answers():
            return False
        if not had_state and not force:
            _check_is_not_elsewhere(name)
        # Before the network that they are plugged into.
        remove_machines(name)
        found = _remove_labelled(name)
        forget(name)
    with exclusive("engine-use"):
        stop_own_engine(say)
    return found or had_state


def status(lab: Lab) -> list[HostStatus]:
    """Look at the containers of a lab: hosts first, then services."""
    containers = {
        one["Config"]["Hostname"]: one for one in inspect("container", labelled("container", lab.name, "--all"))
    }
    hosts = [
        _machine_status(lab, host)
        if host.is_vm
        else _host_status(host.name, host.address, "host", containers.pop(host.name, None))
        for host in lab.hosts
    ]
    services = [
        _host_status(name, _address(lab, one), name, one)
        for name, one in sorted(containers.items())
        if HOST_LABEL not in one["Config"]["Labels"]
    ]
    return [*hosts, *services]


def ground(lab: Lab) -> Ground:
    """Return what the hosts of a lab stand on."""
    return Ground(read_machine(), str(IPv4Network(lab.subnet)[1]))


def _start_and_wait(lab: Lab, host: LabHost, under: Ground) -> None:
    bring_up(lab, host, under)
    wait_until_ready(lab, host)


def _collect(futures: Sequence[Future[None]]) -> None:
    """Wait for all and report all that failed, not only the first."""
    errors = [error for error in (future.exception() for future in futures) if error is not None]
    if len(errors) > 1:
        raise UnreachableError("; ".join(str(error) for error in errors)) from errors[0]
    if errors:
        raise errors[0]


def _check_same_options(plan: LabPlan) -> None:
    existing = find(plan.name)
    if not existing:
        return
    if (existing.bare, existing.disk_size) != (plan.bare, plan.disk_size):
        raise RefusedError(
            f"lab `{plan.name}` is up with bare={existing.bare} and disk size `{existing.disk_size or 'none'}`; "
            f"use the same options, another name, or `windlass lab down --name {plan.name}` first"
        )
    other = [host.name for host in existing.hosts if host.name in plan.names and host.is_vm != (host.name in plan.vms)]
    if other:
        raise RefusedError(f"lab `{plan.name}` has {', '.join(other)} as hosts of another kind; use other names")


def _prepare(plan: LabPlan, image: str, subnet: IPv4Network) -> Lab:
    """Settle addresses and keys, and write them down before anything uses them."""
    existing = find(plan.name)
    kept = {host.name: host.address for host in existing.hosts} if existing else {}
    kinds = {name: name in plan.vms for name in plan.names} | (
        {host.name: host.is_vm for host in existing.hosts} if existing else {}
    )
    names = list(dict.fromkeys([*kept, *plan.names]))
    addresses = host_addresses(subnet, names, kept)
    hosts = tuple(LabHost(name, addresses[name], host_keys(plan.name, name).public, kinds[name]) for name in names)
    lab = Lab(plan.name, str(subnet), image, hosts, plan.bare, plan.disk_size)
    _once(lab.key_path, _write_login_key)
    _once(lab.s3_env_file, _write_s3_credentials)
    save(lab)
    return lab


def _once(path: Path, write: Callable[[Path], None]) -> None:
    if not path.exists():
        write(path)


def _write_login_key(path: Path) -> None:
    pair = new_key_pair()
    write_private(path.with_suffix(".pub"), pair.public.encode())
    write_private(path, pair.private.encode())


def _write_s3_credentials(path: Path) -> None:
    content = f"ROOT_ACCESS_KEY=lab{secrets.token_hex(8)}\nROOT_SECRET_KEY={secrets.token_hex(20)}\n"
    write_private(path, content.encode())


def _ensure_network(lab: str) -> IPv4Network:
    """Return the subnet of the lab's network, having made it where nothing else is."""
    found = inspect("network", [network_name(lab)])
    if found:
        return IPv4Network(found[0]["IPAM"]["Config"][0]["Subnet"])
    taken = [*subnets(), *parse_routes(Path("/proc/net/route").read_text())]
    refused: CommandError | None = None
    for subnet in free_subnets(lab, taken):
        try:
            docker(*create_network_argv(lab, subnet))
        except CommandError as error:
            # Another lab may have taken it since; anything else is an error.
            if "overlaps" not in error.failure.stderr:
                raise
            refused = error
        else:
            return subnet
    raise RefusedError("no free network in 10.87.0.0/16: take down labs that you no longer need") from refused


def _labelled(lab: str) -> dict[str, list[str]]:
    """Return all that carries a lab's label, in the order in which it can be removed."""
    options = {"container": ("--all",), "network": (), "volume": ()}
    return {kind: labelled(kind, lab, *more) for kind, more in options.items()}


def _remove_labelled(lab: str) -> bool:
    found = _labelled(lab)
    for kind, names in found.items():
        remove(kind, names)
    return any(found.values())


def _check_is_not_elsewhere(name: str) -> None:
    if any(_labelled(name).values()):
        raise RefusedError(
            f"Docker has a lab `{name}` of which nothing is known in {lab_directory(name)}: somebody else made it, or "
            f"another WINDLASS_CACHE was set; use another name, or `windlass lab down --name {name} --force`"
        )


def _host_status(name: str, address: str, role: str, container: dict[str, Any] | None) -> HostStatus:
    return HostStatus(name, address, role, container["State"]["Status"] if container else "missing")


def _machine_status(lab: Lab, host: LabHost) -> HostStatus:
    machine = machine_of(lab, host)
    state = "running" if is_on(machine.pid_file) else "exited" if machine.directory.exists() else "missing"
    return HostStatus(host.name, host.address, "vm", state)


def _address(lab: Lab, container: dict[str, Any]) -> str:
    settings = container["NetworkSettings"]["Networks"].get(network_name(lab.name), {})
    return str((settings.get("IPAMConfig") or {}).get("IPv4Address", ""))
