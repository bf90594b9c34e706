"""How the watch's status shows a cluster's add-ons and its virtual address: as components that are on no host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from windlass.domain.health.findings import Finding
from windlass.domain.health.host_report import ConditionTracker
from windlass.domain.health.status import Status


def addon_status(
    name: str, tracker: ConditionTracker, finding: Finding | None, time_of: Callable[[float], datetime]
) -> Mapping[str, Any]:
    """Return the status of one of them, in the form of all subjects; `finding` is the one that is open about it."""
    return {
        "host": "",
        "component": name,
        "status": (Status.HEALTHY if finding is None else Status.UNHEALTHY).value,
        "since": (time_of(tracker.good_since) if finding is None else finding.since).isoformat(),
        "starting_until": None,
        "seen_from": [] if finding is None else list(finding.seen_from),
        "evidence": "" if finding is None else finding.evidence,
        "vantages": [],
    }
