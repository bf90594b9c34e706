"""A public class has its name for itself: no two mean different things."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Sequence

from tools.house.source import Result, Source


def check_class_names(sources: Sequence[Source]) -> Result:
    """Find the names that more than one public class has; one with a leading underscore is its module's own."""
    places = defaultdict(list)
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(source.at(node))
    broken = [
        f"{', '.join(where)}: {len(where)} classes are called {name}"
        for name, where in sorted(places.items())
        if len(where) > 1
    ]
    return Result(f"class names with two meanings {len(broken)}", broken)
