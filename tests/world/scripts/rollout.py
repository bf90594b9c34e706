"""What the hooks of a spec do."""

from __future__ import annotations

from collections.abc import Iterator

from world.machine import Machine
from world.scripts.script import Script


def update_system(machine: Machine, script: str) -> Iterator[str]:
    """Do what a hook of a spec does."""
    machine.step()
    machine.loaded["system"] = script.splitlines()[-1]
    machine.step()
    yield "done"


SCRIPTS: dict[str, Script] = {"apt-get upgrade": update_system}
