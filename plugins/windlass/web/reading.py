"""Read the service logs of clusters from the store."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from windlass.domain.servicelog import Event
from windlass.effects.store import ServiceLog, Store


@dataclass(frozen=True)
class Filter:
    """Which events of a service log are wanted."""

    level: str = ""
    host: str = ""
    component: str = ""
    text: str = ""

    def takes(self, event: Event) -> bool:
        """Say whether it is one of them; `warning` takes errors too."""
        levels = {"error": {"error"}, "warning": {"warning", "error"}}.get(self.level)
        return (
            (levels is None or event.level in levels)
            and self.host in {"", event.host}
            and self.component in {"", event.component}
            and self.text.lower() in f"{event.text} {event.reason} {event.operation}".lower()
        )


def read_log(store: Store, name: str, desired: Filter, limit: int, after: str = "") -> list[dict[str, Any]]:
    """Return events as plain values, newest first: those written after the one of that name, or the newest."""
    entries = ServiceLog(store, name).entries(after)
    # Filters look at a bounded part of the log: a page must not read years of it.
    taken = (entry for entry in itertools.islice(entries, max(limit * 5, 200)) if desired.takes(entry[1]))
    return [event_values(key, event) for key, event in itertools.islice(taken, limit)]


def event_values(name: str, event: Event) -> dict[str, Any]:
    """Return an event as plain values, with its name in the log."""
    return {**event.__dict__, "time": event.time.isoformat(), "name": name}
