"""No two modules import each other, by whatever way round. That no import points upward, `lint-imports` sees to.

An import inside a function counts like any other. One for types alone, under `TYPE_CHECKING`, does not: nothing runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import grimp
from tools.house.source import Result

Graph = Mapping[str, Collection[str]]
"""What each module imports."""


def import_graph(*packages: str) -> Graph:
    """Return what the modules of `packages` import of one another."""
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def check_circles(graph: Graph) -> Result:
    """Find the circles: groups of modules each of which imports all others of its group, if not itself then by them."""
    reached = {module: _reached(graph, module) for module in graph}
    circles = {frozenset(other for other in reached[module] if module in reached[other]) for module in graph}
    broken = [f"{', '.join(sorted(circle))}: import each other" for circle in circles if circle]
    return Result(f"import circles {len(broken)}", sorted(broken))


def _reached(graph: Graph, start: str) -> set[str]:
    """Return the modules that `start` imports, and so on; itself only if that comes round."""
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        new = set(graph[ahead.pop()]) - reached
        reached |= new
        ahead += new
    return reached
