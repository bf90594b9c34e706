"""Whether a plan that was just made is still the plan once the lease is held, so that nobody has to look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.lease import Lease

FRESH = timedelta(seconds=60)
"""What changes within this without any of our runs is found by the steps themselves: each looks before it acts."""


def lease_mark(lease: Lease | None) -> str:
    """Return what tells one holding of the lease from every other; empty while somebody holds it."""
    if lease is None:
        return "nobody"
    return f"{lease.owner} {lease.acquired.isoformat()} {lease.heartbeat.isoformat()}" if lease.released else ""


@dataclass(frozen=True)
class PlanSeen:
    """When a plan was begun, and who had held the lease last by then."""

    mark: str
    at: datetime

    def value(self) -> dict[str, str]:
        """Return it as plain values."""
        return {"mark": self.mark, "at": self.at.isoformat()}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> PlanSeen:
        """Read what `value` wrote."""
        return cls(value["mark"], datetime.fromisoformat(value["at"]))

    def holds(self, mark: str, now: datetime) -> bool:
        """Say whether the plan holds for a run that takes the lease `now`, after whoever the `mark` tells of.

        It does if no run had the lease since the plan was begun, and that was a moment ago.
        """
        return bool(self.mark) and self.mark == mark and timedelta(0) <= now - self.at < FRESH
