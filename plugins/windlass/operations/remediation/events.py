"""What the service log says of health and remediation, reported to the cluster itself as events."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from windlass.domain.servicelog import Event
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.effects.kubernetes.events import create_event
from windlass.effects.store import ClusterRecords, ServiceLog
from windlass.operation_names import Operation

_OPERATIONS = frozenset({Operation.WATCH, Operation.REMEDIATE})
_LASTING = timedelta(hours=1)
"""Kubernetes keeps events for as long."""
_OVERLAP = timedelta(minutes=1)
"""An entry may be written later than one of a later time; what is reported twice is written once."""
_MOST = 200


Entry = tuple[str, Event]
"""An entry of the service log, with its name there."""


def unreported(records: ClusterRecords, now: datetime) -> list[Entry]:
    """Return what was found, decided and done since this was reported to the cluster last, the newest first.

    Transitions that started no run are among what the next one finds here; so is what a cluster whose API did not
    answer could not be given.
    """
    since = max(records.echoed() - _OVERLAP, now - _LASTING)
    return list(itertools.islice(_entries(records, since), _MOST))


def record_events(records: ClusterRecords, client: KubernetesClient, entries: Sequence[Entry]) -> None:
    """Report to the cluster what `unreported` gave, the oldest first."""
    create_event(client, reversed(entries))
    if entries:
        records.save_echoed(entries[0][1].time)


def _entries(records: ClusterRecords, since: datetime) -> Iterator[Entry]:
    start = since.astimezone(UTC)
    after = f"{start:%Y/%m/%d}/{start:%Y%m%dT%H%M%S}"  # as names of entries begin
    log = ServiceLog(records.store, records.cluster)
    return ((name, event) for name, event in log.entries(after) if event.operation in _OPERATIONS)
