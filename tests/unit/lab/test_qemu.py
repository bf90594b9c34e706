from __future__ import annotations

import itertools
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass_lab.qemu import VirtualMachine, bridge_name, identity_files, mac_address, qemu_argv, tap_name, virtualizes

MACHINE = VirtualMachine("windlass-lab-dev-vm-1", Path("/state/vm-1"), "wlvm-1", "52:54:0a:57:05:0b")
NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)


def pairs(*argv: str) -> set[tuple[str, str]]:
    return set(itertools.pairwise(argv))


@pytest.mark.parametrize(("kvm", "accelerators"), [(True, ["kvm", "tcg,thread=multi"]), (False, ["tcg,thread=multi"])])
def test_a_processor_is_emulated_where_nothing_better_works(*, kvm: bool, accelerators: list[str]) -> None:
    argv = qemu_argv(MACHINE, kvm=kvm)
    assert [argv[number + 1] for number, word in enumerate(argv) if word == "-accel"] == accelerators
    assert ("-cpu", "max,la57=off") in pairs(*argv)


@pytest.mark.parametrize(
    ("flags", "does"), [("fpu vmx sse", True), ("fpu svm", True), ("fpu hypervisor vmx_not", False), ("", False)]
)
def test_asks_the_processor_whether_it_runs_guests(*, flags: str, does: bool) -> None:
    assert virtualizes(f"processor : 0\nmodel name : svm\nflags : {flags}\n") is does


def test_a_machine_boots_its_own_files_on_its_own_network_device() -> None:
    argv = qemu_argv(MACHINE, kvm=False)
    expected = {
        ("-kernel", "/state/vm-1/vmlinuz"),
        ("-initrd", "/state/vm-1/initrd"),
        ("-pidfile", "/state/vm-1/qemu.pid"),
        ("-netdev", "tap,id=net,ifname=wlvm-1,script=no,downscript=no"),
        ("-device", "virtio-net-pci,netdev=net,mac=52:54:0a:57:05:0b,romfile="),
    }
    assert expected <= pairs(*argv)
    drives = [value for word, value in itertools.pairwise(argv) if word == "-drive"]
    assert drives[0].startswith("file=/state/vm-1/disk.img,")
    assert drives[1].startswith("file=/state/vm-1/seed.tar,")
    assert "readonly=on" in drives[1]


@given(lab=NAMES, host=NAMES)
def test_a_network_device_has_a_name_that_the_kernel_takes(lab: str, host: str) -> None:
    assert len(tap_name(lab, host)) == 15


def test_machines_of_different_labs_have_different_devices() -> None:
    assert (
        len({tap_name("dev", "vm-1"), tap_name("dev", "vm-2"), tap_name("test", "vm-1"), tap_name("de", "v/vm-1")}) == 4
    )


def test_a_hardware_address_is_the_networks_own_and_nobody_elses() -> None:
    assert mac_address("10.87.5.11") == "52:54:0a:57:05:0b"
    # Locally administered, and no group's: the two lowest bits of the first byte.
    assert int(mac_address("10.87.5.11").split(":")[0], 16) & 3 == 2


def test_finds_the_bridge_that_docker_named_or_was_told_to_name() -> None:
    assert bridge_name({"Id": "0123456789abcdef", "Options": {}}) == "br-0123456789ab"
    assert bridge_name({"Id": "0123456789abcdef", "Options": None}) == "br-0123456789ab"
    assert bridge_name({"Id": "01", "Options": {"com.docker.network.bridge.name": "lab0"}}) == "lab0"


def test_a_machine_knows_its_name_its_address_and_whom_to_ask() -> None:
    files = identity_files("vm-1", "10.87.5.11", IPv4Network("10.87.5.0/24"), ["192.0.2.53", "192.0.2.54"])
    assert files["etc/hostname"] == "vm-1\n"
    assert files["etc/resolv.conf"] == "nameserver 192.0.2.53\nnameserver 192.0.2.54\n"
    assert "Address=10.87.5.11/24\nGateway=10.87.5.1\n" in files["etc/systemd/network/10-lab.network"]
