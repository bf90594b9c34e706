"""What the watch sees of a cluster that is deleted, or was, is no news, and nothing of it comes into the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from unit.health.test_monitor_fleet import ROOT, logins, spec
from windlass.domain.health import CheckReader
from windlass.domain.lease import Owner
from windlass.domain.servicelog import Event
from windlass.effects.catalog import load_catalog
from windlass.effects.store import ClusterRecords, Leases, MemoryStore, ServiceLog
from windlass.effects.store.keys import delete_lease_key
from windlass.operation_names import Operation
from windlass.operations.health.fleet import Fleet, Shard

NEWS = Event(datetime(2026, 11, 30, 12, tzinfo=UTC), Operation.WATCH, "etcd on cp-3 is unknown", level="warning")


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    ClusterRecords(made, "demo").save_spec(spec("demo"))
    return made


def told(store: MemoryStore) -> tuple[bool, list[str]]:
    """Save some news, and return whether there is a status, and what the service log says."""
    catalog = load_catalog(ROOT / "include" / "templates" / "kubernetes")
    Fleet(store, catalog, logins, Shard(), CheckReader()).save("demo", {"observed": ""}, [NEWS])
    log = [event.text for event in ServiceLog(store, "demo").newest()]
    return ClusterRecords(store, "demo").status() is not None, log


def test_of_a_cluster_that_is_there_it_is_told(store: MemoryStore) -> None:
    assert told(store) == (True, [NEWS.text])


def test_after_the_deletion_nothing_is(store: MemoryStore) -> None:
    ClusterRecords(store, "demo").forget(keep_backups=True)
    assert told(store) == (False, [])


@pytest.mark.parametrize(("age", "expected"), [(timedelta(), []), (timedelta(days=1), [NEWS.text])])
def test_during_the_deletion_nothing_is_unless_it_was_given_up(
    store: MemoryStore, age: timedelta, expected: list[str]
) -> None:
    then = datetime.now(UTC) - age
    Leases(store, lambda _: None, lambda: then, delete_lease_key).acquire(
        "demo", Owner(Operation.DELETE, "one"), Operation.DELETE
    )
    assert told(store)[1] == expected
