"""The names of operations, which are the DAGs' ids, stand in one module; everybody else takes them from there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tools.house.source import Result, Source

HOME = "plugins/windlass/operation_names.py"


def check_operations(sources: Sequence[Source], dag_ids: Iterable[str]) -> Result:
    """Find the DAG ids that are written out elsewhere; docstrings may name them."""
    pattern = re.compile(rf"\b({'|'.join(sorted(dag_ids))})\b")
    broken = [
        f"{source.at(node)}: the DAG id `{found[0]}` is written out; take it from {HOME}"
        for source in sources
        if not source.is_in(HOME)
        for node, text in source.texts()
        if (found := pattern.search(text))
    ]
    in_domain = sum(line.startswith("plugins/windlass/domain/") for line in broken)
    return Result(f"DAG ids in the domain {in_domain}, elsewhere {len(broken) - in_domain}", broken)
