"""A lab of its own comes, is broken on purpose, mends, and goes without a trace."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from windlass.errors import RefusedError
from windlass_lab import faults
from windlass_lab.containers import container_name
from windlass_lab.docker import docker, labelled
from windlass_lab.lab import LabPlan, down, status, up
from windlass_lab.model import Lab
from windlass_lab.places import lab_directory

pytestmark = pytest.mark.lab

NAME = "life"


@pytest.fixture(scope="module")
def own() -> Iterator[Lab]:
    """A lab that this module alone breaks; its hosts have small disks of their own."""
    down(NAME)
    try:
        yield up(LabPlan(NAME, ("a", "b"), disk_size="256M", services=False))
    finally:
        down(NAME)


def inside(lab: Lab, host: str, *argv: str) -> str:
    return docker("exec", container_name(lab.name, host), *argv, host=host).strip()


def answers(lab: Lab, host: str, *, within: float = 2) -> bool:
    try:
        with socket.create_connection((lab.host(host).address, 22), timeout=within) as connection:
            connection.settimeout(within)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def reaches(lab: Lab, host: str, other: str) -> bool:
    script = f"timeout 2 bash -c 'head -c 4 </dev/tcp/{lab.host(other).address}/22'"
    return inside(lab, host, "sh", "-c", f"{script} || true") == "SSH-"


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            return False
    return True


def state(lab: Lab, host: str) -> str:
    return next(one.state for one in status(lab) if one.name == host)


def test_a_stopped_host_comes_back_with_its_data_address_and_identity(own: Lab) -> None:
    machine_id = inside(own, "a", "cat", "/etc/machine-id")
    inside(own, "a", "sh", "-c", "echo kept > /var/lib/windlass/kept")
    faults.stop(own, "a")
    assert state(own, "a") == "exited"
    faults.start(own, "a")
    assert answers(own, "a")
    assert inside(own, "a", "cat", "/etc/machine-id") == machine_id
    assert inside(own, "a", "cat", "/var/lib/windlass/kept") == "kept"


def test_a_killed_host_comes_back(own: Lab) -> None:
    faults.kill(own, "a")
    assert not answers(own, "a")
    faults.start(own, "a")
    assert answers(own, "a")


def test_up_mends_a_lab_whose_host_was_killed(own: Lab) -> None:
    faults.kill(own, "b")
    assert up(LabPlan(NAME, ("a", "b"), disk_size="256M", services=False)) == own
    assert answers(own, "b")


def test_a_paused_host_holds_connections_but_does_not_answer(own: Lab) -> None:
    faults.pause(own, "a")
    try:
        socket.create_connection((own.host("a").address, 22), timeout=2).close()
        assert not answers(own, "a")
    finally:
        faults.unpause(own, "a")
    assert answers(own, "a")


def test_a_host_that_is_cut_off_is_reached_by_nobody_until_it_is_mended(own: Lab) -> None:
    faults.cut(own, "a")
    assert not answers(own, "a")
    assert not reaches(own, "b", "a")
    assert not reaches(own, "a", "b")
    faults.mend(own, "a")
    assert answers(own, "a")
    assert reaches(own, "a", "b")


@pytest.mark.parametrize(("direction", "dropped"), [("in", "received"), ("out", "sent")])
def test_a_cut_of_one_direction_drops_that_alone(own: Lab, direction: faults.Direction, dropped: str) -> None:
    faults.cut(own, "a", direction)
    try:
        before = echo_requests(own, "b")
        inside(own, "a", "sh", "-c", f"ping -c 2 -W 1 {own.host('b').address} >/dev/null || true")
        assert (echo_requests(own, "b") > before) == (dropped != "sent")
        before = echo_requests(own, "a")
        inside(own, "b", "sh", "-c", f"ping -c 2 -W 1 {own.host('a').address} >/dev/null || true")
        # What is dropped on the way in never gets to the counter.
        assert (echo_requests(own, "a") > before) == (dropped != "received")
    finally:
        faults.mend(own, "a")


def echo_requests(lab: Lab, host: str) -> int:
    """How many echo requests the host has got."""
    rows = [
        line.split() for line in inside(lab, host, "cat", "/proc/net/snmp").splitlines() if line.startswith("Icmp:")
    ]
    return int(rows[1][rows[0].index("InEchos")])


def test_a_cut_from_one_peer_leaves_the_machine_connected(own: Lab) -> None:
    faults.cut(own, "a", peers=["b"])
    assert answers(own, "a")
    assert not reaches(own, "a", "b")
    faults.mend(own, "a")
    assert reaches(own, "a", "b")


def test_loss_drops_packets_until_it_is_mended(own: Lab) -> None:
    faults.loss(own, "a", 100)
    assert not answers(own, "a")
    faults.mend(own, "a")
    assert answers(own, "a")


def test_delay_is_felt_or_refused_with_the_reason(own: Lab) -> None:
    try:
        faults.delay(own, "a", timedelta(milliseconds=300))
    except RefusedError as error:
        assert "no netem" in str(error)  # noqa: PT017 - either outcome is right: it depends on the kernel
        return
    took = inside(own, "a", "ping", "-c", "1", own.host("b").address).split("time=")[1].split()[0]
    faults.mend(own, "a")
    assert float(took) >= 300


def test_a_full_disk_takes_nothing_more_until_it_is_freed(own: Lab) -> None:
    writing = "dd if=/dev/zero of=/var/lib/windlass/more bs=64k count=16 2>&1; rm -f /var/lib/windlass/more"
    faults.fill_disk(own, "a")
    assert "No space left on device" in inside(own, "a", "sh", "-c", writing)
    assert "No space left" not in inside(own, "b", "sh", "-c", writing)
    faults.free_disk(own, "a")
    assert "No space left" not in inside(own, "a", "sh", "-c", writing)


def test_a_wiped_host_is_empty_and_keeps_its_name_address_and_key(own: Lab) -> None:
    inside(own, "b", "sh", "-c", "echo gone > /var/lib/windlass/gone; echo gone > /etc/gone")
    machine_id = inside(own, "b", "cat", "/etc/machine-id")
    assert faults.wipe(own, "b") == own
    assert inside(own, "b", "sh", "-c", "ls /var/lib/windlass/gone /etc/gone 2>&1 | grep -c 'No such file'") == "2"
    assert inside(own, "b", "cat", "/etc/machine-id") != machine_id
    assert answers(own, "b")


def test_a_wiped_host_with_new_keys_is_known_by_them(own: Lab) -> None:
    changed = faults.wipe(own, "b", new_keys=True)
    assert changed.host("b").public_key != own.host("b").public_key
    argv = ["ssh", "-F", str(changed.directory / "ssh_config"), "-o", "BatchMode=yes", "b", "true"]
    subprocess.run(argv, check=True, timeout=60, capture_output=True)


def test_a_host_with_a_frozen_group_can_be_wiped(own: Lab) -> None:
    freezing = """
        group=/sys/fs/cgroup/freezer/held
        mkdir "$group" 2>/dev/null || exit 0 # cgroup v2, where a frozen process can be killed
        sleep 600 >/dev/null 2>&1 </dev/null & echo $! >"$group/tasks"
        echo FROZEN >"$group/freezer.state"
    """
    inside(own, "b", "sh", "-c", freezing)
    faults.wipe(own, "b")
    assert answers(own, "b")


def test_other_options_for_a_lab_that_is_up_are_refused(own: Lab) -> None:
    with pytest.raises(RefusedError, match="disk size `256M`"):
        up(LabPlan(own.name, ("a",)))


def test_a_host_joins_and_then_all_go_without_a_trace() -> None:
    name = "trace"
    lab = up(LabPlan(name, ("a",), bare=True, services=False))
    joined = up(LabPlan(name, ("a", "c"), bare=True, services=False))
    assert joined.host("a") == lab.host("a")
    assert inside(joined, "c", "sh", "-c", "command -v dockerd || echo none") == "none"
    processes = [int(pid) for host in ("a", "c") for pid in _processes(joined, host)]
    assert processes
    assert down(name)
    assert {kind: labelled(kind, name) for kind in ("container", "volume", "network")} == {
        "container": [],
        "volume": [],
        "network": [],
    }
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes))
    assert not lab_directory(name).exists()
    assert not down(name)


def leave_half(name: str) -> None:
    docker("network", "create", "--label", f"io.windlass.lab={name}", f"windlass-lab-{name}")
    docker("volume", "create", "--label", f"io.windlass.lab={name}", f"windlass-lab-{name}-a-docker")


def test_down_also_takes_what_an_up_that_broke_off_has_left() -> None:
    name = "half"
    lab_directory(name).mkdir(parents=True)
    leave_half(name)
    assert down(name)
    assert not any(labelled(kind, name) for kind in ("volume", "network"))


def test_somebody_elses_lab_of_the_same_name_is_left_alone() -> None:
    name = "others"
    leave_half(name)
    with pytest.raises(RefusedError, match="--force"):
        down(name)
    with pytest.raises(RefusedError, match="use another name"):
        up(LabPlan(name, ("a",), services=False))
    assert labelled("network", name)
    assert not lab_directory(name).exists()
    assert down(name, force=True)
    assert not any(labelled(kind, name) for kind in ("volume", "network"))


def _processes(lab: Lab, host: str) -> list[str]:
    return docker("top", container_name(lab.name, host), "-eo", "pid").split()[1:]
