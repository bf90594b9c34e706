"""Let what an engine inside a host left frozen run again: on cgroup v1 not even SIGKILL ends a frozen process.

runc freezes a container while it changes its limits, and leaves it so where it dies in between
(https://docs.kernel.org/admin-guide/cgroup-v1/freezer-subsystem.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

FREEZER = Path("/sys/fs/cgroup/freezer")


def thaw(processes: Iterable[int], root: Path = FREEZER) -> None:
    """Thaw the groups of these processes and all groups below; there is none to thaw on cgroup v2."""
    for process in processes:
        try:
            group = freezer_group(Path(f"/proc/{process}/cgroup").read_text())
        except OSError:
            continue
        # Never the group of the whole machine.
        for state in sorted((root / group).rglob("freezer.state")) if group else ():
            _thaw(state)


def freezer_group(cgroups: str) -> str:
    """Return a process's group of the freezer, from its /proc/PID/cgroup; empty for the root, or where there is none.

    The file's format: https://man7.org/linux/man-pages/man7/cgroups.7.html.
    """
    found = re.search(r"^\d+:(?:[^:\n]*,)?freezer(?:,[^:\n]*)?:/(.*)$", cgroups, re.MULTILINE)
    return found.group(1) if found else ""


def _thaw(state: Path) -> None:
    try:
        if state.read_text().strip() != "THAWED":
            state.write_text("THAWED")
    except OSError:
        # Gone since, or not ours to write: then Docker says what it could not end.
        return
