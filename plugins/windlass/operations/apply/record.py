"""The record of a run in the cluster's service log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.domain.apply.summary import summary
from windlass.operations.run import ClusterRun


def record_changes(run: ClusterRun, results: Mapping[str, Any]) -> str:
    """Write what each step returned, and return the line that says how much was changed."""
    text = summary(run.owner.dag_id, results)
    run.log(text, details={step: result for step, result in results.items() if result})
    return text
