"""What a run of a recovery was asked for, and what its first task has handed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.domain.recovery import RecoveryRequest
from windlass.domain.recovery.handover import RecoveryHandover

PLAN = "plan"
"""The task whose result the others read."""


def recovery_request(params: Mapping[str, Any]) -> RecoveryRequest:
    """Read the params."""
    return RecoveryRequest(
        bundle=params.get("bundle") or "newest",
        restore_versions=bool(params.get("restore_versions")),
        overwrite_healthy=bool(params.get("overwrite_healthy")),
        confirm_name=params.get("confirm_name") or "",
    )


def recovery_plan(context: Mapping[str, Any]) -> RecoveryHandover:
    """Return the plan of this run."""
    return RecoveryHandover.of(context["ti"].xcom_pull(task_ids=PLAN))
