"""Repair as rules: from what was seen of a cluster to what is done about it, what is held back, and why; pure."""

from windlass.domain.healing.history import History, Tries
from windlass.domain.healing.plan import plan_repairs
from windlass.domain.healing.repairs import Held, Plan, Repair, Stop
from windlass.domain.healing.seen import ClusterSeen, HostSeen, Report, ServiceSeen, Sight, UnitSeen

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
