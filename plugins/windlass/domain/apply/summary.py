"""What a run changed, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def summary(operation: str, results: Mapping[str, Any]) -> str:
    """Say how much was changed, given what each step returned: the changes, as a list or by host."""
    changed = _count(results)
    return f"{operation}: {changed} changes" if changed else f"{operation}: nothing to change"


def _count(results: Mapping[str, Any]) -> int:
    lists = [list(result.values()) if isinstance(result, dict) else [result] for result in results.values() if result]
    return sum(len(changes) for group in lists for changes in group if isinstance(changes, list))
