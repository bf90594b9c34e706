"""The probe loop that watches from a host, and how it is started there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGES = ("windlass", "windlass.effects", "windlass.effects.probe")
_MODULES = ("checks", "host_report", "objects", "loop")
_LOADER = """\
import sys, types
def load(name, source):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = []
    exec(compile(source, name, "exec"), module.__dict__)
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
"""
_STARTER = (
    "import sys;n=int(sys.stdin.buffer.readline());exec(compile(sys.stdin.buffer.read(n),'windlass-probe-loop','exec'))"
)
_CHOICE = """\
if python3 -c 'import json, select, ssl, subprocess, threading' 2>/dev/null; then exec python3 -u -c "$1"; fi
read -r size
head -c "$size" > /dev/null
eval "$2"
"""
_HERE = Path(__file__).parent
LOOP_ARGV = ("sh", "-c", _CHOICE, "windlass", _STARTER, (_HERE / "loop.sh").read_text(encoding="utf-8"))
"""Starts the loop on a host: it reads the length of its program, the program, and then orders.

Where there is no python3 it passes that program by, and a shell with curl takes the same orders.
"""


@cache
def loop_program() -> str:
    """Return what the loop reads first: the length of its program in bytes, and the program.

    The program is the modules of this package, each loaded under its own name, so that they are the ones tested here.
    """
    lines = [_LOADER, *(f"load({name!r}, '')" for name in _PACKAGES)]
    for name in _MODULES:
        source = (_HERE / f"{name}.py").read_text(encoding="utf-8")
        lines.append(f"load({f'windlass.effects.probe.{name}'!r}, {source!r})")
    lines.append("sys.modules['windlass.effects.probe.loop'].main(sys.stdin.buffer, sys.stdout.buffer)\n")
    program = "\n".join(lines)
    return f"{len(program.encode())}\n{program}"
