"""What benchmarks work with: labs of their own, and the command itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from windlass.errors import CommandError, CommandFailure
from windlass_lab.lab import down, up
from windlass_lab.model import Lab
from windlass_lab.plan import LabPlan, host_names

WINDLASS = Path(sys.executable).with_name("windlass")


@dataclass(frozen=True)
class Workbench:
    """Lasts for one run; what it made is removed at its end."""

    cleanup: ExitStack

    @cached_property
    def lab(self) -> Lab:
        """A lab of four hosts without services, for what does not change its hosts."""
        return self.cleanup.enter_context(temporary_lab("bench", hosts=4, services=False))

    def keep_lab_up(self) -> None:
        """Have the workbench's lab, and so the Docker engine and the hosts' image, from now on."""
        _ = self.lab

    def windlass(self, *messages: str) -> None:
        """Run the command `windlass`; CommandError if it fails."""
        run_here([str(WINDLASS), *messages])


@contextmanager
def workbench() -> Iterator[Workbench]:
    """Make a workbench, and clear it away at the end."""
    with ExitStack() as cleanup:
        yield Workbench(cleanup)


@contextmanager
def temporary_lab(name: str, *, hosts: int, services: bool = True) -> Iterator[Lab]:
    """Make a new lab of that name, and remove it at the end."""
    down(name)
    try:
        yield up(LabPlan(name, host_names(str(hosts)), services=services))
    finally:
        down(name)


def run_here(argv: Sequence[str]) -> str:
    """Run a command on this machine and return what it printed; CommandError if it fails."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise CommandError(CommandFailure("this machine", argv, done.returncode, done.stderr))
    return done.stdout
