"""What a machine does on a script; one function for the scripts of a name, in a module for each kind of work.

Each is a generator: it yields what the script prints and calls `machine.step()` before each change, so that a process
can die during a script. That real scripts do what is done here is shown where they run for real, in unit/operations.
"""

from __future__ import annotations

from collections.abc import Iterator

from windlass.domain.scripts.script import Script
from world.machine import Machine
from world.scripts import drills, hosts, inspection, leaving, members, recovery, remediation, rollout, stacks
from world.scripts.script import Act, ScriptError

__all__ = ["SCRIPTS", "Act", "ScriptError", "run_script"]

_MODULES = (inspection, remediation, leaving, members, recovery, rollout, drills, hosts, stacks)
SCRIPTS: dict[str, Act] = {name: act for module in _MODULES for name, act in module.SCRIPTS.items()}
"""What a script does, by its name."""


def run_script(machine: Machine, script: Script) -> Iterator[str]:
    """Do what a script does, and of one that is made of several what each does; LookupError if none here knows it."""
    if parts := script.arguments.get("scripts"):
        for part in parts:
            yield from run_script(machine, part)
    elif act := SCRIPTS.get(script.name):
        yield from act(machine, script.arguments)
    else:
        raise LookupError(f"{machine.name}: no function in world.scripts knows the script {script.name}")
