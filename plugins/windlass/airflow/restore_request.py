"""What a run that brings objects back was asked for, and what its first task has handed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.domain.restore.request import RestoreRequest
from windlass.domain.restore.restore_report import RestoreHandover

PLAN = "plan"
"""The task whose result the others read."""


def restore_request(params: Mapping[str, Any]) -> RestoreRequest:
    """Read the params; SpecError if it is not clear what is wanted."""
    return RestoreRequest(
        bundle=params.get("bundle") or "newest",
        namespace=params.get("namespace") or "",
        kind=params.get("kind") or "",
        name=params.get("name") or "",
        overwrite=bool(params.get("overwrite")),
    )


def restore_plan(context: Mapping[str, Any]) -> RestoreHandover:
    """Return the plan of this run."""
    return RestoreHandover.of(context["ti"].xcom_pull(task_ids=PLAN))
