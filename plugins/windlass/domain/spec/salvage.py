"""Making a wrong document readable, so that what is wrong elsewhere in it is found in the same go."""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem
from windlass.domain.spec.schema import is_required
from windlass.domain.spec.shape import shape_problems

_ROUNDS = 5
_MEMBERS: Path = ("spec", "hosts", "members")
_STAND_INS: dict[Path, Any] = {
    ("apiVersion",): "windlass/v1",
    ("kind",): "Cluster",
    ("metadata",): {"name": "unknown"},
    ("metadata", "name"): "unknown",
    ("spec", "kubernetes"): {"version": "v0.0.0"},
    ("spec", "kubernetes", "version"): "v0.0.0",
}


def read_models(value: Any) -> Cluster:
    """Make the models of what a document says; keys are the document's, never Python's names."""
    return Cluster.model_validate(value, by_alias=True, by_name=False)


def salvage(value: Any, problems: Sequence[Problem]) -> tuple[Cluster | None, tuple[Path, ...]]:
    """Drop or stand in for what is wrong; return the cluster that is left, if any, and the paths that were touched.

    A value with a default falls back to it, an item of a list goes, a required value gets a stand-in or takes the
    item around it along. What is later found at, above or below a touched path may be no problem at all.
    """
    value = copy.deepcopy(value)
    touched: list[Path] = []
    for _ in range(_ROUNDS):
        paths = {_removable(problem.path) for problem in problems}
        # Later items first, so that the indices of the earlier ones stay right.
        for path in sorted(paths, key=lambda path: [(isinstance(step, str), step) for step in path], reverse=True):
            if not _replace(value, path):
                return None, ()
            touched.append(path)
        try:
            return read_models(value), tuple(touched)
        except ValidationError as error:
            problems = shape_problems(error, value)
    return None, ()


def _removable(path: Path) -> Path:
    """Return the closest path around `path` that may be dropped or stood in for."""
    while path and _stand_in(path) is None and isinstance(path[-1], str) and is_required(path):
        path = path[:-1]
    return path


def _stand_in(path: Path) -> Any:
    """Return a value that is valid and tells nothing, for what a spec must have; None if there is none."""
    if len(path) == 5 and path[:3] == _MEMBERS and isinstance(path[3], int):
        # From a range for benchmarks (RFC 2544), where no real host lives.
        address = str(ipaddress.IPv4Address("198.18.0.0") + path[3])
        return {"name": f"host-{path[3]}", "address": address, "roles": ["etcd", "control-plane", "worker"]}.get(
            str(path[4])
        )
    return copy.deepcopy(_STAND_INS.get(path))


def _replace(value: Any, path: Path) -> bool:
    if not path:
        return False
    around = value
    for step in path[:-1]:
        around = around[step]
    stand_in = _stand_in(path)
    if stand_in is not None:
        around[path[-1]] = stand_in
    elif isinstance(around, dict):
        around.pop(path[-1], None)
    else:
        del around[path[-1]]
    return True
