"""Whether a controller manager leads: while none does, Services go on leading to pods that are gone.

Each leader renews a Lease of the API's (https://kubernetes.io/docs/concepts/architecture/leases/#leader-election); one
that is stopped leaves it as it is, and another takes it over once it has not been renewed for its duration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

SETTLED = timedelta(seconds=3)
"""After which a new leader has read everything and works: its controllers begin with lists of all objects."""


@dataclass(frozen=True)
class Lead:
    """Who leads, since when, and when it last said so; both times by the leader's own clock."""

    holder: str
    since: datetime
    renewed: datetime

    @classmethod
    def of(cls, lease: Mapping[str, Any] | None) -> Lead | None:
        """Read a Lease; None if nobody ever held it, or its holder gave it back."""
        spec = (lease or {}).get("spec", {})
        if not spec.get("holderIdentity") or "acquireTime" not in spec or "renewTime" not in spec:
            return None
        times = (datetime.fromisoformat(spec[name]) for name in ("acquireTime", "renewTime"))
        return cls(spec["holderIdentity"], *times)


def wrong_lead(before: Lead | None, now: Lead | None) -> str:
    """Say in words why nobody is known to lead now, by two looks one after the other; empty if somebody does."""
    if now is None:
        return "no controller manager leads"
    if now == before:
        return f"{now.holder} leads, and has not said so since"
    if now.renewed - now.since < SETTLED:
        return f"{now.holder} leads since a moment ago"
    return ""
