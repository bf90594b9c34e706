from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.errors import RefusedError
from windlass_lab import faults
from windlass_lab.model import Lab, LabHost
from windlass_lab.vm import is_on, machine_of, remove_machines, ssh_argv, switch_off

LAB = Lab("dev", "10.87.5.0/24", "host:1", (LabHost("vm-1", "10.87.5.11", "ssh-ed25519 AAAA", is_vm=True),))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose command line names a file, as QEMU's names its own."""
    words = [sys.executable, "-c", "import time; time.sleep(60)", "-pidfile", str(tmp_path / "qemu.pid")]
    with subprocess.Popen(words) as started:
        # The kernel closes what Popen waits for a moment before it tells the command line.
        deadline = time.monotonic() + 30
        while b"-pidfile" not in Path(f"/proc/{started.pid}/cmdline").read_bytes():
            assert time.monotonic() < deadline
        yield started
        started.kill()


def test_a_machine_runs_while_the_process_of_its_number_is_its_own(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    own, others = tmp_path / "qemu.pid", tmp_path / "others.pid"
    for file in (own, others):
        file.write_text(f"{process.pid}\n")
    assert (is_on(own), is_on(others)) == (True, False)


def test_only_its_own_process_is_ended(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    others = tmp_path / "others.pid"
    others.write_text(f"{process.pid}\n")
    switch_off(others)
    assert process.poll() is None
    (tmp_path / "qemu.pid").write_text(f"{process.pid}\n")
    switch_off(tmp_path / "qemu.pid")
    assert process.wait(timeout=10) == -9


@pytest.mark.parametrize("content", [None, "", "no number"])
def test_a_machine_without_a_process_is_off(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "qemu.pid"
    if content is not None:
        file.write_text(content)
    assert not is_on(file)
    switch_off(file)


def test_all_of_a_machine_goes_also_where_its_lab_was_never_written_down() -> None:
    machine = machine_of(LAB, LAB.hosts[0])
    machine.directory.mkdir(parents=True)
    machine.disk.write_text("disk")
    (machine.directory.parent / ".vm-2.new").mkdir()
    remove_machines("dev")
    assert not any(machine.directory.parent.iterdir())
    remove_machines("dev")


def test_a_login_by_ssh_is_the_labs_own() -> None:
    argv = ssh_argv(LAB, LAB.hosts[0], "true")
    assert argv[:3] == ("ssh", "-F", str(LAB.directory / "ssh_config"))
    assert argv[-2:] == ("vm-1", "true")


def test_faults_that_only_containers_have_are_refused() -> None:
    for fault in (faults.stop, faults.pause, faults.cut, faults.mend):
        with pytest.raises(RefusedError, match="vm-1 is a virtual machine"):
            fault(LAB, "vm-1")
