from __future__ import annotations

import os
from ipaddress import IPv4Network

import pytest

from windlass_lab.machine import (
    parse_missing_capabilities,
    parse_nameservers,
    parse_routes,
    pid_namespace_depth,
    process_start,
    serves_machine,
)

STATUS = "Name:\tdockerd\nCapEff:\t0000000000000000\nCapBnd:\t{}\nCapAmb:\t0000000000000000\n"


def test_finds_the_one_capability_that_the_bounding_set_lacks() -> None:
    assert parse_missing_capabilities(STATUS.format("000001fffeffffff"), 40) == ("SYS_RESOURCE",)


def test_a_full_bounding_set_lacks_nothing() -> None:
    assert parse_missing_capabilities(STATUS.format("000001ffffffffff"), 40) == ()


def test_capabilities_that_the_kernel_does_not_know_are_not_missing() -> None:
    assert parse_missing_capabilities(STATUS.format("0000003fffffffff"), 37) == ()


def test_loopback_name_servers_are_left_out() -> None:
    text = "# made by hand\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nsearch example.org\n"
    assert parse_nameservers(text) == ("192.0.2.53", "fe80::1%eth0")


def test_reads_routes_without_the_default_one() -> None:
    table = (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    )
    assert parse_routes(table) == (IPv4Network("192.0.2.0/24"),)


def test_the_start_time_names_a_process_only_while_it_runs() -> None:
    assert process_start(os.getpid()).isdigit()
    assert process_start(2**22 + 1) == ""


def test_a_process_inside_a_container_is_told_from_one_of_the_machine() -> None:
    assert pid_namespace_depth("Pid:\t7\nNSpid:\t7\n") == 1
    assert pid_namespace_depth("Pid:\t7\nNSpid:\t7\t1\n") == 2
    assert pid_namespace_depth("") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        "dockerd",
        "dockerd --data-root=/d --exec-root /e",
        "/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock",
        "dockerd --host=unix:///srv/other.sock --host=unix:///var/run/docker.sock",
    ],
)
def test_an_engine_that_docker_finds_without_a_setting_serves_the_machine(arguments: str) -> None:
    assert serves_machine(arguments.split())


@pytest.mark.parametrize("arguments", ["dockerd --host unix:///srv/other.sock --debug", "dockerd -H tcp://127.0.0.1:2"])
def test_an_engine_with_a_socket_of_its_own_does_not_serve_the_machine(arguments: str) -> None:
    assert not serves_machine(arguments.split())


def test_an_engine_that_has_ended_serves_nobody() -> None:
    assert not serves_machine(())
