"""What the service log says becomes events in Kubernetes, each once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from windlass.domain.servicelog import Event
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog
from windlass.errors import UnreachableError
from windlass.operations.remediation.events import record_events, unreported

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)


class Api:
    """Keeps what is created, as Kubernetes does: one object of a name."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.asked = 0
        self.answers = 1000

    def create(self, resource: object, desired: dict[str, Any]) -> bool:
        self.asked += 1
        if self.asked > self.answers:
            raise UnreachableError("the API does not answer")
        return self.objects.setdefault(desired["metadata"]["name"], desired) is desired

    @property
    def messages(self) -> list[str]:
        return [one["message"] for one in self.objects.values()]


@pytest.fixture
def records() -> ClusterRecords:
    return ClusterRecords(MemoryStore(), "demo")


def write(records: ClusterRecords, text: str, ago: float, host: str = "cp-1", operation: str = "watch_health") -> None:
    entry = Event(NOW - timedelta(minutes=ago), operation, text, "warning", host=host, component="etcd")
    ServiceLog(records.store, records.cluster).append(entry, writer=operation)


def report(records: ClusterRecords, api: Api) -> None:
    record_events(records, api, unreported(records, NOW))  # type: ignore[arg-type]


def test_transitions_and_acts_are_reported_in_their_order_and_nothing_else(records: ClusterRecords) -> None:
    write(records, "long ago", 90)
    write(records, "etcd on cp-1 is unhealthy", 31)  # before midnight
    write(records, "made by another operation", 2, operation="create_cluster")
    write(records, "Recreated 1", 1, operation="heal_cluster")
    write(records, "backup old", 0, host="")
    api = Api()
    report(records, api)
    assert api.messages == ["etcd on cp-1 is unhealthy", "Recreated 1", "backup old"]
    objects = list(api.objects.values())
    assert [one["reason"] for one in objects] == ["WindlassHealth", "WindlassRepair", "WindlassHealth"]
    assert [one["involvedObject"]["kind"] for one in objects] == ["Node", "Node", "Namespace"]
    assert objects[0]["firstTimestamp"] == "2026-11-23T23:59:00Z"


def test_nothing_is_reported_twice_and_what_was_written_late_is_reported(records: ClusterRecords) -> None:
    api = Api()
    write(records, "first", 20)
    write(records, "second", 10)
    report(records, api)
    asked = api.asked
    write(records, "written late", 10.5)
    write(records, "third", 5)
    report(records, api)
    assert api.messages == ["first", "second", "written late", "third"]
    assert api.asked - asked == 3  # of what was reported before only the last minute is tried again


def test_what_a_cluster_without_an_api_missed_it_is_reported_later(records: ClusterRecords) -> None:
    api = Api()
    write(records, "first", 20)
    write(records, "second", 10)
    api.answers = 1
    with pytest.raises(UnreachableError):
        report(records, api)
    api.answers = 1000
    report(records, api)
    assert api.messages == ["first", "second"]
