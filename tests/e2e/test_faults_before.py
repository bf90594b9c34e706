"""What is wrong with hosts before a run: each is told by host, and nothing is changed on any of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from e2e.ground import HOSTS, Ground
from windlass_lab import faults
from windlass_lab.containers import container_name
from windlass_lab.docker import docker
from windlass_lab.keys import new_key_pair

pytestmark = pytest.mark.full

CLOCK = """#!/bin/sh
# This host's clock is 3500 s ahead for all who ask it.
exec /usr/bin/date --date='3500 seconds' "$@"
"""


@contextmanager
def host_cut_off(ground: Ground) -> Iterator[str]:
    faults.cut(ground.lab, "w-1")
    try:
        yield ground.spec()
    finally:
        faults.mend(ground.lab, "w-1")


@contextmanager
def changed_host_key(ground: Ground) -> Iterator[str]:
    address, other = ground.lab.host("cp-2").address, new_key_pair().public
    known = [line for line in ground.lab.known_hosts if not line.startswith(f"{address} ")]
    yield ground.spec(hosts={"ssh": {"knownHosts": [*known, f"{address} {other.strip()}"]}})


@contextmanager
def wrong_login_key(ground: Ground) -> Iterator[str]:
    body = {
        "connection_id": "e2e_stranger",
        "conn_type": "ssh",
        "login": "ops",
        "extra": json.dumps({"private_key": new_key_pair().private}),
    }
    client = ground.client
    client._checked(client._send("POST", "/api/v2/connections", json=body))
    try:
        yield ground.spec(hosts={"ssh": {"connection": "e2e_stranger"}})
    finally:
        client._send("DELETE", "/api/v2/connections/e2e_stranger")


@contextmanager
def taken_port(ground: Ground) -> Iterator[str]:
    ground.on("cp-3", "systemd-run --quiet --unit e2e-port socat TCP-LISTEN:6443,fork,reuseaddr EXEC:cat")
    try:
        yield ground.spec()
    finally:
        ground.on("cp-3", "systemctl stop e2e-port")


@contextmanager
def wrong_clock(ground: Ground) -> Iterator[str]:
    ground.on("w-1", f"cat > /usr/local/bin/date <<'END'\n{CLOCK}END\nchmod 755 /usr/local/bin/date")
    try:
        yield ground.spec()
    finally:
        ground.on("w-1", "rm /usr/local/bin/date")


@contextmanager
def mirror_down(ground: Ground) -> Iterator[str]:
    name = container_name(ground.lab.name, "mirror")
    docker("stop", "--time", "1", name)
    try:
        yield ground.spec()
    finally:
        docker("start", name)


@contextmanager
def little_room(ground: Ground) -> Iterator[str]:
    ground.on("cp-1", "mount -t tmpfs -o size=64m tmpfs /var/lib/windlass")
    try:
        yield ground.spec()
    finally:
        ground.on("cp-1", "umount /var/lib/windlass")


Fault = Callable[[Ground], contextmanager]  # type: ignore[type-arg]  # it has no public generic form


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (host_cut_off, "w-1: no answer"),
        (changed_host_key, "cp-2: no answer"),
        (wrong_login_key, "cp-1: no answer"),
        (taken_port, "cp-3: port 6443, meant for the API server, is taken"),
        (wrong_clock, "w-1: its clock is 3"),
        (mirror_down, "mirror"),
        (little_room, "MiB free for /var/lib/windlass"),
    ],
)
def test_is_told_before_anything_changes(bare: Ground, fault: Fault, told: str) -> None:
    with fault(bare) as spec:
        refusal = bare.create(spec).refused("plan.preflight")

    assert told in refusal
    assert bare.records.spec() is None
    assert {host: bare.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}
