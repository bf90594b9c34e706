"""Repair as rules: from what was seen of a cluster to what is done about it, what is held back, and why; pure."""

from windlass.domain.host.observed import ClusterSeen, HostSeen, Report, ServiceSeen, Sight, UnitSeen
from windlass.domain.remediation.actions import Held, Plan, Repair, Stop
from windlass.domain.remediation.history import History, Tries
from windlass.domain.remediation.plan import plan_repairs

__all__ = [
    "ClusterSeen",
    "Held",
    "History",
    "HostSeen",
    "Plan",
    "Repair",
    "Report",
    "ServiceSeen",
    "Sight",
    "Stop",
    "Tries",
    "UnitSeen",
    "plan_repairs",
]
