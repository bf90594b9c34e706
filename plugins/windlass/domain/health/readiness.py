"""How a cluster stands by its last observation, for those who wait for it to be well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.apply.created import BEING_CREATED
from windlass.domain.health.status import Status
from windlass.operation_names import Operation

RECENT = timedelta(minutes=5)
"""How old an observation may be: the watcher writes one every two minutes, also when nothing changes."""


@dataclass(frozen=True)
class Readiness:
    """Why a cluster does not count as healthy; it does if there is no reason."""

    reasons: tuple[str, ...]
    observed: str = ""
    """When it was observed, in ISO 8601."""

    @property
    def is_healthy(self) -> bool:
        """Whether all is healthy, and was looked at of late."""
        return not self.reasons


def readiness_of(status: Mapping[str, Any] | None, now: datetime, *, is_created: bool = True) -> Readiness:
    """Return how a cluster stands by what the watcher wrote, at the time `now`; one being created is not watched."""
    if not is_created:
        return Readiness((f"it is {BEING_CREATED}: `{Operation.CREATE}` has not verified it yet",))
    if status is None:
        return Readiness((f"it was never observed; is the DAG {Operation.WATCH} unpaused, and a triggerer running?",))
    observed = str(status["observed"])
    age = now - datetime.fromisoformat(observed)
    reasons = [f"it was last observed {age} ago"] if age > RECENT else []
    reasons += [f"{one['kind']}: {one['component']} on {one['host']}: {one['evidence']}" for one in status["findings"]]
    reasons += [
        f"{one['component']} on {one['host']} is {one['status']}"
        for one in status["subjects"]
        if one["status"] != Status.HEALTHY.value
    ]
    return Readiness(tuple(reasons), observed)
