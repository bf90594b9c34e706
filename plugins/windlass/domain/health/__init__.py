"""Health: what is checked, who looks, what the majority of those that can see says, and what is wrong; pure."""

from __future__ import annotations

from windlass.domain.health.checks import Check, CheckPlan, CheckReader
from windlass.domain.health.consensus import Judgement, Thresholds, Verdict, View, judge
from windlass.domain.health.findings import HOST_COMPONENT, TOLD_WHEN_OVER, Finding, Kind
from windlass.domain.health.monitor import AIRFLOW, ClusterWatch, Effects, Transition
from windlass.domain.health.probe import Look, Outcome, Sight, Subject
from windlass.domain.health.status import State, Status
from windlass.domain.health.subject import Order
from windlass.domain.health.vantage import VANTAGES, vantages_of

__all__ = [
    "AIRFLOW",
    "HOST_COMPONENT",
    "TOLD_WHEN_OVER",
    "VANTAGES",
    "Check",
    "CheckPlan",
    "CheckReader",
    "ClusterWatch",
    "Effects",
    "Finding",
    "Judgement",
    "Kind",
    "Look",
    "Order",
    "Outcome",
    "Sight",
    "State",
    "Status",
    "Subject",
    "Thresholds",
    "Transition",
    "Verdict",
    "View",
    "judge",
    "vantages_of",
]
