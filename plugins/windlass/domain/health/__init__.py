"""Health: what is checked, who looks, what the majority of those that can see says, and what is wrong; pure."""

from __future__ import annotations

from windlass.domain.health.checks import Check, CheckPlan, CheckReader
from windlass.domain.health.consensus import Agreement, Consensus, Thresholds, VantageView, decide
from windlass.domain.health.findings import HOST_COMPONENT, TOLD_WHEN_OVER, Finding, Kind
from windlass.domain.health.monitor import AIRFLOW, Effects, HealthMonitor
from windlass.domain.health.probe import ProbeHistory, ProbeOutcome, ProbeResult, Subject
from windlass.domain.health.status import Status, SubjectState
from windlass.domain.health.subject import ProbeOrder, StatusChange
from windlass.domain.health.vantage import VANTAGES, vantages_of

__all__ = [
    "AIRFLOW",
    "HOST_COMPONENT",
    "TOLD_WHEN_OVER",
    "VANTAGES",
    "Agreement",
    "Check",
    "CheckPlan",
    "CheckReader",
    "Consensus",
    "Effects",
    "Finding",
    "HealthMonitor",
    "Kind",
    "ProbeHistory",
    "ProbeOrder",
    "ProbeOutcome",
    "ProbeResult",
    "Status",
    "StatusChange",
    "Subject",
    "SubjectState",
    "Thresholds",
    "VantageView",
    "decide",
    "vantages_of",
]
