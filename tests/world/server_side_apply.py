"""Server-side apply as far as manifests use it: maps are merged, all else is replaced, and managers own what they set.

https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]
Path = tuple[str, ...]
_IDENTITY = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}


def applied(before: Object | None, desired: Object, manager: str) -> Object:
    """Return what a forced apply makes of an object: what the manager set before and sets no more is gone."""
    found = copy.deepcopy(before or {"metadata": {}})
    entries: list[Object] = found["metadata"].pop("managedFields", [])
    mine = next((one for one in entries if one["manager"] == manager and one["operation"] == "Apply"), None)
    others = [one for one in entries if one is not mine]
    desired_paths = set(_paths(desired)) - _IDENTITY
    owned_by_others = {path for one in others for path in _read(one["fieldsV1"])}
    dropped = (set(_read(mine["fieldsV1"])) if mine else set()) - desired_paths - owned_by_others
    for path in dropped:
        _remove(found, path)
    result = merged(found, desired)
    # What was taken by force is the other manager's no more.
    kept = [{**one, "fieldsV1": _written(set(_read(one["fieldsV1"])) - _changed(found, desired))} for one in others]
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": _written(desired_paths)}
    result["metadata"]["managedFields"] = [*(one for one in kept if one["fieldsV1"]), entry]
    return result


def merged(old: Any, new: Any) -> Any:
    """Return `old` with what `new` has, map by map; what is null in `new` is gone."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return copy.deepcopy(new)
    result = {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return {key: value for key, value in result.items() if value is not None}


def _paths(value: Any, start: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _paths(inner, (*start, key))
    else:
        yield start


def _changed(found: Object, desired: Object) -> set[Path]:
    return {path for path in _paths(desired) if _at(found, path) != _at(desired, path)}


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _remove(value: Any, path: Path) -> None:
    for key in path[:-1]:
        value = value.get(key)
        if not isinstance(value, dict):
            return
    value.pop(path[-1], None)


def _written(paths: set[Path]) -> Object:
    tree: Object = {}
    for path in sorted(paths):
        place = tree
        for key in path:
            place = place.setdefault(f"f:{key}", {})
    return tree


def _read(tree: Object, start: Path = ()) -> Iterator[Path]:
    if not tree and start:
        yield start
    for key, inner in tree.items():
        yield from _read(inner, (*start, key.removeprefix("f:")))
