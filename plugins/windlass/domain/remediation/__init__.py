"""Remediation as rules, without any effect: from what was observed to actions, what is deferred, and why."""

from windlass.domain.host.health import (
    ClusterHealth,
    HealthReport,
    HostHealth,
    ServiceHealth,
    Sight,
    UnitHealth,
)
from windlass.domain.remediation.actions import Action, Deferred, NeedsOperator, RemediationPlan
from windlass.domain.remediation.history import History, Tries
from windlass.domain.remediation.plan import plan_actions

__all__ = [
    "Action",
    "ClusterHealth",
    "Deferred",
    "HealthReport",
    "History",
    "HostHealth",
    "NeedsOperator",
    "RemediationPlan",
    "ServiceHealth",
    "Sight",
    "Tries",
    "UnitHealth",
    "plan_actions",
]
