"""The service log: what was done to a cluster and why, one immutable record per event."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, get_args

from windlass.domain.bounded import moment, shown
from windlass.errors import MALFORMED, IntegrityError

Level = Literal["info", "warning", "error"]
Detail = str | int | float | bool | None | Sequence["Detail"] | Mapping[str, "Detail"]


@dataclass(frozen=True)
class Event:
    """One thing that happened to a cluster, for people (`text`, one line) and for programs (the rest)."""

    time: datetime
    operation: str
    """The DAG, such as `heal_cluster`."""
    text: str
    level: Level = "info"
    run_id: str = ""
    reason: str = ""
    """What the person who triggered the run gave as its reason."""
    host: str = ""
    component: str = ""
    details: Mapping[str, Detail] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the event as JSON; equal events give equal bytes."""
        document = {**self.__dict__, "time": self.time.astimezone(UTC).isoformat()}
        return json.dumps(document, sort_keys=True, ensure_ascii=False).encode(errors="replace")

    @classmethod
    def from_bytes(cls, data: bytes) -> Event:
        """Read what `to_bytes` wrote; IntegrityError if it is not of that form. Fields of later versions are left."""
        try:
            document = json.loads(data)
            known = {key: value for key, value in document.items() if key in cls.__dataclass_fields__}
            event = cls(**{**known, "time": moment(document["time"])})
        except MALFORMED as error:
            raise IntegrityError(f"a record of the service log is not readable: {shown(error)}") from error
        if event.level not in get_args(Level):
            raise IntegrityError(f"a record of the service log has the unknown level `{event.level}`")
        return event


def event_name(event: Event, writer: str, sequence: int) -> str:
    """Return the event's place below the log: `YYYY/MM/DD/TIME-WRITER-SEQ.json`; names sort by time."""
    time = event.time.astimezone(UTC)
    clean = re.sub(r"[^A-Za-z0-9_.]+", "_", writer).strip("_") or "unknown"
    return f"{time:%Y/%m/%d}/{time:%Y%m%dT%H%M%S.%fZ}-{clean}-{sequence:04d}.json"


@dataclass(frozen=True)
class Tally:
    """How a service stands and what was done: of `requested` containers, `healthy` are; the rest was acted on."""

    requested: int
    healthy: int
    recreated: int = 0
    skipped: int = 0
    """Unhealthy, but a guard kept them from being replaced."""
    acts: Mapping[str, int] = field(default_factory=dict)
    """What else was done, such as `Restarted`, and how often."""


def health_text(tally: Tally, component: str, host: str, failed_checks: int, seen_from: Sequence[str]) -> str:
    """Return the line on one act of healing.

    Such as: Requested 3, Healthy 2, Recreated 1: kube-apiserver on cp-2, 3 failed checks seen from cp-1, cp-3, w-1.
    """
    acts = [("Recreated", tally.recreated), *tally.acts.items(), ("Skipped", tally.skipped)]
    counts = [("Requested", tally.requested), ("Healthy", tally.healthy), *(act for act in acts if act[1])]
    checks = "1 failed check" if failed_checks == 1 else f"{failed_checks} failed checks"
    told = ", ".join(f"{word} {number}" for word, number in counts)
    return f"{told}: {component} on {host}, {checks} seen from {', '.join(seen_from) or 'nowhere'}"
