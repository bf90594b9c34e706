"""How often each component was acted on lately: what the limit of tries counts. A value, stored with the cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.bounded import moment, shown
from windlass.errors import MALFORMED, IntegrityError

FORGIVEN_AFTER = timedelta(minutes=5)
"""A component that fails again later than this after its last action ended is counted from the beginning."""
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=2)


@dataclass(frozen=True)
class Tries:
    """The actions of one component in a row."""

    count: int
    last: datetime
    failed: int = 0
    """How many of the last ones, in a row, did not bring it back."""


@dataclass(frozen=True)
class History:
    """The actions of late, by `host/component`, and the alerts that still stand."""

    tries: Mapping[str, Tries] = field(default_factory=dict)
    alerts: Mapping[str, str] = field(default_factory=dict)
    """What people were notified of and was not taken back yet, by its key."""
    cordoned: frozenset[str] = frozenset()
    """Hosts whose nodes remediation has cordoned and not opened again."""

    def count(self, key: str, now: datetime) -> int:
        """Return how many tries in a row the component has had; time does not forgive what stands as an alert."""
        found = self.tries.get(key)
        if found is None or (now - found.last > FORGIVEN_AFTER and key not in self.alerts):
            return 0
        return found.count

    def free_at(self, key: str, now: datetime) -> datetime:
        """Return when the component may be acted on again: after pauses that grow with each try."""
        count = self.count(key, now)
        return now if count == 0 else self.tries[key].last + pause_after(count)

    def tried(self, key: str, now: datetime) -> History:
        """Return the history with one more try; to be stored before the try is made."""
        failed = self.failed(key, now) + 1  # until it is known to have worked
        return replace(self, tries={**self.tries, key: Tries(self.count(key, now) + 1, now, failed)})

    def ended(self, key: str, now: datetime, *, is_back: bool) -> History:
        """Return the history with the component's last try as one that ended at `now`: a long one counts from then."""
        last = self.tries[key]
        return replace(self, tries={**self.tries, key: Tries(last.count, now, 0 if is_back else last.failed)})

    def failed(self, key: str, now: datetime) -> int:
        """Return how many of the last tries, in a row, did not bring the component back."""
        return self.tries[key].failed if self.count(key, now) else 0

    def forgotten(self, key: str) -> History:
        """Return the history without the component: it has come back."""
        tries = {name: one for name, one in self.tries.items() if name != key}
        return replace(self, tries=tries, alerts={name: text for name, text in self.alerts.items() if name != key})

    def asked(self) -> History:
        """Return the history as one that a person starts over; alerts stand until they are over."""
        return replace(self, tries={})

    def alerted(self, alerts: Mapping[str, str]) -> History:
        """Return the history with the alerts that stand now."""
        return replace(self, alerts=dict(alerts))

    def with_cordon(self, host: str) -> History:
        """Return the history with the node of `host` cordoned."""
        return replace(self, cordoned=self.cordoned | {host})

    def without_cordon(self, host: str) -> History:
        """Return the history with the node of `host` open for pods; its tries are forgotten."""
        return replace(self.forgotten(f"{host}/host"), cordoned=self.cordoned - {host})

    def with_observed_cordons(self, ours: frozenset[str], unseen: frozenset[str]) -> History:
        """Return the history with the cordons that there are, as the API says; of nodes `unseen` what was known."""
        return replace(self, cordoned=ours | (self.cordoned & unseen))

    def to_bytes(self) -> bytes:
        """Return the history as JSON."""
        tries = {
            key: {"count": one.count, "last": one.last.isoformat(), "failed": one.failed}
            for key, one in sorted(self.tries.items())
        }
        document = {"tries": tries, "alerts": dict(self.alerts), "cordoned": sorted(self.cordoned)}
        return json.dumps(document, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> History:
        """Read what `to_bytes` wrote; IntegrityError if it is not of that form."""
        try:
            document: dict[str, Any] = json.loads(data)
            tries = {
                key: Tries(int(one["count"]), moment(one["last"]), int(one["failed"]))
                for key, one in document["tries"].items()
            }
            alerts = {str(key): str(text) for key, text in document.get("alerts", {}).items()}
            return cls(tries, alerts, frozenset(map(str, document.get("cordoned", ()))))
        except MALFORMED as error:
            raise IntegrityError(
                f"the record of actions in the store is not readable ({shown(error)}); "
                "delete repairs.json to start over"
            ) from error


def pause_after(count: int) -> timedelta:
    """Return how long to wait after `count` tries in a row: nothing after none, then twice as long each time."""
    if count <= 0:
        return timedelta(0)
    return min(timedelta(seconds=_FIRST_PAUSE.total_seconds() * 2.0 ** min(count - 1, 16)), _LONGEST_PAUSE)
