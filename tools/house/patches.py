"""The world in memory stands in for what surrounds Windlass by what it is handed, hardly by patching modules."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from tools.house.source import Result, Source

MOST = 4
"""Where the layer of Airflow finds its services; what is made once, as it is the same each time; threads, in turn."""
_PATCHING = frozenset({"setattr", "delattr", "setitem", "delitem"})
"""Methods of pytest's MonkeyPatch that change code or data of a module; the environment is no module's."""


def check_patches(sources: Sequence[Source]) -> Result:
    """Count where modules are patched."""
    found = [
        source.at(node)
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PATCHING
    ]
    broken = [f"{place}: a module is patched; {MOST} places may, {len(found)} do" for place in found]
    return Result(f"patches in the world {len(found)}", broken if len(found) > MOST else ())
