"""What has changed between two plans, each as the plain value that `RolloutPlan.value` gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from windlass.domain.markdown import first_of

_SHOWN = 20


def plan_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """Return in words how `new` differs from `old`; empty only if both have the same digest."""
    if old["digest"] == new["digest"]:
        return ()
    found = list(_changes(old, new)) or ["contents that are not shown differ"]
    return tuple(first_of(found, _SHOWN, "changes"))


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in ("from", "to"):
        if old.get(key) != new.get(key):
            yield f"{key} {old.get(key)} -> {new.get(key)}"
    before, after = _lines(old), _lines(new)
    for line, (label, _) in before.items():
        if line not in after:
            yield f"no longer: {label}: {line}"
    for line, (label, details) in after.items():
        if line not in before:
            yield f"new: {label}: {line}"
        elif before[line][0] != label:
            yield f"moved: {line}: {before[line][0]} -> {label}"
        elif before[line][1] != details:
            yield f"other contents: {label}: {line}"
    if before == after and _shapes(old) != _shapes(new):
        yield "the steps are in another order, or drain other nodes"


def _lines(plan: Mapping[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """Return each line of a plan, with the step that it is of and its details."""
    return {
        line: (step["label"], step.get("details", {}).get(line, []))
        for step in plan.get("steps", [])
        for line in step["does"]
    }


def _shapes(plan: Mapping[str, Any]) -> list[tuple[str, bool]]:
    return [(step["label"], step["drains"]) for step in plan.get("steps", [])]
