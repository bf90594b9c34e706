"""Paths, ports and labels on a host stand in `domain/host/layout.py` alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence

from tools.house.source import Result, Source

HOME = "plugins/windlass/domain/host/layout.py"
SCRIPTS = "plugins/windlass/domain/scripts"
"""A script's text may spell its paths, as it reads better; golden files show what comes of it."""
SHIPPED = ("plugins/windlass/effects/probe",)
"""Runs on hosts without the rest of Windlass and so imports nothing; tests compare what it writes out."""
_PATH = re.compile(r"/(etc|opt|run|var/lib|var/log)/windlass(?![\w-])|/etc/(cni|systemd|sysctl\.d|modules-load\.d)/")
_LABEL = re.compile(r"\bio\.windlass\b")


def check_layout(sources: Sequence[Source]) -> Result:
    """Find paths, ports and labels of Windlass on a host that are written out elsewhere."""
    ports = _ports(next(source for source in sources if source.is_in(HOME)))
    others = [source for source in sources if not source.is_in(HOME, *SHIPPED)]
    broken = [line for source in others for line in _written_out(source, ports)]
    return Result(f"paths, ports and labels out of place {len(broken)}", broken)


def _ports(home: Source) -> frozenset[int]:
    found = (node for node in home.tree.body if isinstance(node, ast.Assign))
    return frozenset(
        int(node.value.value)
        for node in found
        if isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.endswith("_PORT")
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, int)
    )


def _written_out(source: Source, ports: Collection[int]) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in ports:
            yield f"{source.at(node)}: the port {node.value} is written out; take it from {HOME}"
    for node, text in source.texts():
        if label := _LABEL.search(text):
            yield f"{source.at(node)}: the label `{label[0]}…` is written out; take it from {HOME}"
        if not source.is_in(SCRIPTS) and (path := _PATH.search(text)):
            yield f"{source.at(node)}: the path `{path[0]}…` is written out; take it from {HOME}"
