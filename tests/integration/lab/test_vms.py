"""A virtual machine beside a lab's containers: it boots, is logged in to, comes back, and goes without a trace."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.errors import RefusedError
from windlass_lab import faults
from windlass_lab.lab import LabPlan, down, status, up
from windlass_lab.model import Lab
from windlass_lab.places import lab_directory
from windlass_lab.qemu import tap_name
from windlass_lab.vm import is_on, machine_of, ssh_argv

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.timeout(3600)]

NAME = "machines"


@pytest.fixture(scope="module")
def own() -> Iterator[Lab]:
    """A lab of a container and a virtual machine."""
    down(NAME)
    try:
        yield up(LabPlan(NAME, ("a",), services=False, vms=("vm-1",)))
    finally:
        down(NAME)


def on(lab: Lab, script: str) -> str:
    argv = ssh_argv(lab, lab.host("vm-1"), script)
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=300).stdout.strip()


def test_the_login_is_an_ordinary_user_with_sudo(own: Lab) -> None:
    assert on(own, "id -un; sudo --non-interactive id -un; hostname").split() == ["ops", "root", "vm-1"]


def test_it_is_debian_13_with_a_kernel_and_cgroups_of_its_own_and_nothing_of_docker(own: Lab) -> None:
    assert on(own, ". /etc/os-release; echo $VERSION_ID") == "13"
    assert on(own, "uname -r") != Path("/proc/sys/kernel/osrelease").read_text().strip()
    assert on(own, "stat -f -c %T /sys/fs/cgroup") == "cgroup2fs"
    assert on(own, "command -v docker dockerd containerd runc || echo none") == "none"
    assert on(own, "systemctl --failed --no-legend; systemctl is-system-running") == "running"


def test_it_and_the_other_hosts_reach_each_other(own: Lab) -> None:
    script = "timeout 20 bash -c 'head -c 7 </dev/tcp/{}/22'"
    assert on(own, script.format(own.host("a").address)) == "SSH-2.0"
    config = str(own.directory / "ssh_config")
    argv = ["ssh", "-F", config, "a", script.format(own.host("vm-1").address)]
    assert subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout == "SSH-2.0"


def test_a_name_is_of_one_kind_of_host(own: Lab) -> None:
    with pytest.raises(RefusedError, match="has vm-1 as hosts of another kind"):
        up(LabPlan(own.name, ("vm-1",), services=False))


def test_after_loss_of_power_it_comes_back_as_it_was(own: Lab) -> None:
    machine_id = on(own, "cat /etc/machine-id")
    on(own, "echo kept >kept; sync")
    faults.kill(own, "vm-1")
    assert {one.name: one.state for one in status(own)} == {"a": "running", "vm-1": "exited"}
    faults.start(own, "vm-1")
    assert on(own, "cat kept /etc/machine-id").split() == ["kept", machine_id]


def test_all_of_it_goes(own: Lab) -> None:
    pid_file = machine_of(own, own.host("vm-1")).pid_file
    process = Path(f"/proc/{int(pid_file.read_text())}")
    assert is_on(pid_file)
    assert down(NAME)
    assert not process.exists()
    assert not Path(f"/sys/class/net/{tap_name(NAME, 'vm-1')}").exists()
    assert not lab_directory(NAME).exists()
