"""Finding and ending exactly the processes of one instance.

A process id alone can belong to a stranger after a crash, so a record holds the boot and the start time too. The
runner leads a session of its own: whatever it started and did not start a session itself shares its session id,
which the kernel gives to nobody else as long as one member lives.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else str(psutil.boot_time())


def _started(pid: int) -> float:
    """Return when a process started, by a clock that nobody sets: on Linux in ticks since boot."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        # The second field is the name in parentheses, and may hold anything; the start time is the 22nd.
        return float(stat.read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return psutil.Process(pid).create_time()


@dataclass(frozen=True)
class ProcessRecord:
    """One process, told apart from every other that ever had its id."""

    pid: int
    started: float
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessRecord:
        """Record the process that has the id `pid` now."""
        return cls(pid=pid, started=_started(pid), boot=_boot_id())

    def is_alive(self) -> bool:
        """Tell whether this very process still runs."""
        try:
            return not self.is_replaced() and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def is_replaced(self) -> bool:
        """Tell whether the id has since gone to another process."""
        if self.boot != _boot_id():
            return True
        try:
            return _started(self.pid) != self.started
        except psutil.NoSuchProcess:
            return False


def _is_member(process: psutil.Process, leader: ProcessRecord) -> bool:
    try:
        if os.getsid(process.pid) != leader.pid or _started(process.pid) < leader.started:
            return False
        return process.status() != psutil.STATUS_ZOMBIE  # only its parent can remove it
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


def session_members(leader: ProcessRecord) -> list[psutil.Process]:
    """Return all processes of the session that `leader` led, the leader included; also after it has died."""
    if leader.is_replaced():
        # The id went to another process, which the kernel allows only once the session is empty.
        return []
    return [process for process in psutil.process_iter() if _is_member(process, leader)]


def descendants(pid: int) -> list[psutil.Process]:
    """Return every process below `pid`; what has gone in the meantime is left out."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end_all(processes: Sequence[psutil.Process], *, with_signal: int, wait_seconds: float) -> list[psutil.Process]:
    """Send a signal to all, wait, and return those that are still there."""
    for process in processes:
        try:
            process.send_signal(with_signal)
        except psutil.NoSuchProcess:
            continue
    _gone, alive = psutil.wait_procs(list(processes), timeout=wait_seconds)
    return list(alive)


def kill_session(leader: ProcessRecord) -> None:
    """Kill whatever is left of a session; new members are looked for until there are none."""
    while members := session_members(leader):
        if not end_all(members, with_signal=signal.SIGKILL, wait_seconds=5) and not session_members(leader):
            return
