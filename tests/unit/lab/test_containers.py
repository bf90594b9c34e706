from __future__ import annotations

import itertools
from ipaddress import IPv4Network
from pathlib import Path

from windlass_lab.containers import (
    HostContainer,
    ServiceContainer,
    create_host_argv,
    create_network_argv,
    create_service_argv,
    host_volumes,
    privilege_argv,
)
from windlass_lab.machine import Machine

FULL = Machine(missing_capabilities=(), nameservers=(), has_modules=True)
LIMITED = Machine(missing_capabilities=("SYS_RESOURCE",), nameservers=(), has_modules=False)


def host(machine: Machine, *, has_own_disk: bool = False) -> list[str]:
    plan = HostContainer("dev", "cp-1", "10.87.5.11", "host:1", machine, has_own_disk=has_own_disk)
    return list(create_host_argv(plan))


def pairs(argv: list[str]) -> set[tuple[str, str]]:
    return set(itertools.pairwise(argv))


def test_is_privileged_where_nothing_is_missing() -> None:
    assert privilege_argv(FULL) == ("--privileged",)


def test_drops_exactly_what_is_missing_instead_of_asking_for_privileged() -> None:
    argv = list(privilege_argv(LIMITED))
    assert "--privileged" not in argv
    assert {("--cap-add", "ALL"), ("--cap-drop", "SYS_RESOURCE")} <= pairs(argv)
    assert argv.count("--cap-drop") == 1
    assert ("--security-opt", "systempaths=unconfined") in pairs(argv)


def test_a_host_has_its_own_address_name_and_labels() -> None:
    argv = host(FULL)
    expected = {
        ("--name", "windlass-lab-dev-cp-1"),
        ("--hostname", "cp-1"),
        ("--ip", "10.87.5.11"),
        ("--network", "windlass-lab-dev"),
        ("--label", "io.windlass.lab=dev"),
        ("--label", "io.windlass.lab.host=cp-1"),
        ("--stop-signal", "SIGRTMIN+3"),
    }
    assert expected <= pairs(argv)
    assert argv[-2:] == ["host:1", "/entry.sh"]


def test_every_volume_of_a_host_carries_the_labs_label() -> None:
    mounts = [value for word, value in pairs(host(FULL, has_own_disk=True)) if word == "--mount"]
    assert {mount.split(",")[1].removeprefix("source=") for mount in mounts} == set(host_volumes("dev", "cp-1"))
    assert all("volume-label=io.windlass.lab=dev" in mount for mount in mounts)


def test_overlays_lie_on_volumes() -> None:
    text = " ".join(host(FULL))
    assert "target=/var/lib/docker," in text
    assert "target=/var/lib/windlass," in text


def test_mounts_modules_only_where_the_machine_has_them() -> None:
    assert "/lib/modules:/lib/modules:ro" in host(FULL)
    assert "/lib/modules:/lib/modules:ro" not in host(LIMITED)


def test_a_network_is_labelled_and_has_its_gateway_first() -> None:
    argv = list(create_network_argv("dev", IPv4Network("10.87.5.0/24")))
    assert {("--subnet", "10.87.5.0/24"), ("--gateway", "10.87.5.1"), ("--label", "io.windlass.lab=dev")} <= pairs(argv)


def test_a_service_sees_the_machines_files_read_only_and_no_secret_on_its_command_line() -> None:
    binds = ((Path("/cache/mirror"), "/mirror"),)
    plan = ServiceContainer(
        "dev", "s3", "10.87.5.4", "host:1", ("serve",), binds, volume="/data", env_file=Path("/state/s3.env")
    )
    argv = list(create_service_argv(plan))
    assert ("--mount", "type=bind,source=/cache/mirror,target=/mirror,readonly") in pairs(argv)
    assert ("--env-file", "/state/s3.env") in pairs(argv)
    assert "--env" not in argv
    assert argv[-1] == "serve"
