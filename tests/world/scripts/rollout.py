"""What the hooks of a spec do."""

from __future__ import annotations

from collections.abc import Iterator

from world.machine import Machine
from world.scripts.script import Act, Arguments


def update_system(machine: Machine, arguments: Arguments) -> Iterator[str]:
    """Do what a hook of a spec does."""
    machine.step()
    machine.loaded["system"] = arguments["hook"]
    machine.step()
    yield "done"


SCRIPTS: dict[str, Act] = {"run-hook": update_system}
