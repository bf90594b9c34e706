"""Health: what is checked, who looks, what the majority of those that can see says, and what is wrong; pure."""

from __future__ import annotations

from windlass.domain.health.checks import Check, CheckPlan, CheckReader
from windlass.domain.health.findings import HOST_COMPONENT, TOLD_WHEN_OVER, Finding, Kind
from windlass.domain.health.looks import Look, Outcome, Sight, Subject
from windlass.domain.health.states import State, Status
from windlass.domain.health.subjectwatch import Order
from windlass.domain.health.vantage import VANTAGES, vantages_of
from windlass.domain.health.verdict import Judgement, Thresholds, Verdict, View, judge
from windlass.domain.health.watch import AIRFLOW, ClusterWatch, Effects, Transition

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
