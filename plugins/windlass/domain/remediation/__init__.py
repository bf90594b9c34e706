"""Repair as rules: from what was seen of a cluster to what is done about it, what is held back, and why; pure."""

from windlass.domain.host.observed import (
    HealthReport,
    ObservedCluster,
    ObservedHost,
    ObservedService,
    ObservedUnit,
    Sight,
)
from windlass.domain.remediation.actions import Action, Deferred, NeedsOperator, RemediationPlan
from windlass.domain.remediation.history import History, Tries
from windlass.domain.remediation.plan import plan_actions

__all__ = [
    "Action",
    "Deferred",
    "HealthReport",
    "History",
    "NeedsOperator",
    "ObservedCluster",
    "ObservedHost",
    "ObservedService",
    "ObservedUnit",
    "RemediationPlan",
    "Sight",
    "Tries",
    "plan_actions",
]
