"""What a machine does on a script that came on stdin; one function a kind of script, in a module a kind of work.

Each is a generator: it yields what the script prints and calls `machine.step()` before each change, so that a process
can die amid a script. That real scripts do what is done here is shown where they run for real, in unit/operations.
"""

from __future__ import annotations

from collections.abc import Iterator

from world.machine import Machine
from world.scripts import drills, hosts, inspection, members, recovery, remediation, rollout, stacks
from world.scripts.script import Script, ScriptError

__all__ = ["SCRIPTS", "Script", "ScriptError", "run_script"]

_MODULES = (inspection, remediation, members, recovery, rollout, drills, hosts, stacks)
SCRIPTS: dict[str, Script] = {words: act for module in _MODULES for words, act in module.SCRIPTS.items()}
"""What a script does, by words that only scripts of its kind have; the first that fits counts."""


def run_script(machine: Machine, script: str) -> Iterator[str]:
    """Do what a script says, part by part; LookupError if no function here understands one."""
    for part in _parts(script):
        if part not in {"", "set -eu"}:
            yield from _understand(machine, part)(machine, part)


def _parts(script: str) -> Iterator[str]:
    """Give the scripts that a script is made of: those in parentheses on lines of their own, or else all of it."""
    lines = script.strip().removeprefix("{\n").removesuffix("\n}").splitlines()
    if "(" not in lines:
        yield "\n".join(lines).strip()
        return
    depth, part = 0, list[str]()
    for line in lines:
        depth -= line.startswith(")")
        if depth > 0:
            part.append(line)
        elif part:
            yield from _parts("\n".join(part))
            part = []
        depth += line == "("


def _understand(machine: Machine, script: str) -> Script:
    for words, act in SCRIPTS.items():
        if words in script:
            return act
    raise LookupError(f"{machine.name}: no function in world.scripts understands this script:\n{script}")
