"""Watching as Airflow sees it: triggers that survive their way through the database, events that become repair runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred

from unit.services import services_of
from windlass.airflow import fleet
from windlass.airflow.assets import REPAIRS
from windlass.airflow.findings import findings_asset, findings_in
from windlass.airflow.operators.health import FindingsDispatchOperator
from windlass.airflow.sensors.health import ClusterHealthSensor
from windlass.airflow.triggers import health as triggers
from windlass.airflow.triggers.health import ClusterHealthTrigger, ClusterHealthyTrigger
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.health import Finding, Kind
from windlass.effects.store import ClusterRecords, MemoryStore
from windlass.operations.health import monitor

DAGS = Path(__file__).resolve().parents[3] / "dags"
SINCE = datetime(2026, 11, 24, tzinfo=UTC)


def finding(cluster: str, host: str = "cp-1") -> Finding:
    return Finding(cluster, host, "kube-apiserver", Kind.PROCESS_DOWN, SINCE, ("cp-2", "cp-3"), "refused", 3)


def event(*findings: Finding, is_triggers: bool = True) -> Any:
    payload = {"findings": [one.to_dict() for one in findings]}
    return SimpleNamespace(extra={"from_trigger": True, "payload": payload} if is_triggers else payload)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    made = MemoryStore()
    monkeypatch.setattr(fleet, "airflow_services", lambda: services_of(made))
    return made


def save(store: MemoryStore, status: str = "healthy", age: timedelta = timedelta(0)) -> str:
    observed = (datetime.now(UTC) - age).isoformat()
    subject = {"host": "cp-1", "component": "etcd", "status": status}
    ClusterRecords(store, "demo").save_created(CreatedRecord(SINCE, "a1"))
    ClusterRecords(store, "demo").save_status({"observed": observed, "findings": [], "subjects": [subject]})
    return observed


@pytest.mark.parametrize("trigger", [ClusterHealthTrigger(1, 3), ClusterHealthyTrigger("demo", 2.5)])
def test_a_trigger_is_made_again_from_what_it_serializes(trigger: Any) -> None:
    path, arguments = trigger.serialize()
    assert path == f"windlass.airflow.triggers.health.{type(trigger).__name__}"
    assert type(trigger)(**arguments).serialize() == (path, arguments)


def test_each_share_has_a_watcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_WATCH_SHARDS", "3")
    shares = [watcher.trigger.serialize()[1] for watcher in findings_asset().watchers]
    assert shares == [{"shard": index, "shards": 3} for index in range(3)]


def test_findings_are_read_from_events_of_both_assets_once_each() -> None:
    events = [event(finding("a"), finding("b")), event(finding("a"), is_triggers=False), SimpleNamespace(extra=None)]
    assert findings_in(events) == (finding("a"), finding("b"))
    assert findings_in(events, "b") == (finding("b"),)


def test_each_cluster_that_something_was_found_in_is_a_partition() -> None:
    outlet = SimpleNamespace(extra={}, partitions=[])
    outlet.add_partitions = outlet.partitions.extend
    found = [finding("b"), finding("a"), finding("a", "cp-2")]
    context: Any = {
        "triggering_asset_events": {findings_asset(): [event(*found)]},
        "outlet_events": {REPAIRS: outlet},
    }
    assert FindingsDispatchOperator(task_id="dispatch").execute(context) == ["a", "b"]
    assert outlet.partitions == ["a", "b"]
    assert set(findings_in([outlet])) == set(found)


def test_a_run_without_findings_is_skipped() -> None:
    with pytest.raises(AirflowSkipException):
        FindingsDispatchOperator(task_id="dispatch").execute({"triggering_asset_events": {}})  # type: ignore[typeddict-item]


def test_the_dag_is_started_by_what_is_found() -> None:
    dag = DagBag(str(DAGS / "watch_health.py"), load_op_links=False).dags["watch_health"]
    assert [asset.name for asset in dag.timetable.asset_condition.objects] == ["windlass_findings"]
    assert dag.get_task("dispatch").outlets == [REPAIRS]


async def test_watching_that_broke_off_starts_over(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Poller:
        made = 0

        def __init__(self, *_: object) -> None:
            Poller.made += 1

        async def findings(self) -> AsyncIterator[tuple[Finding, ...]]:
            yield (finding(f"made-{Poller.made}"),)
            raise ExceptionGroup("unhandled errors in a TaskGroup", [KeyError("whatever it was")])

    monkeypatch.setattr(monitor, "FleetMonitor", Poller)
    monkeypatch.setattr(triggers, "_STORE_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(fleet, "open_fleet", lambda *_: object())
    run = ClusterHealthTrigger().run()
    told = [await asyncio.wait_for(anext(run), 10) for _ in range(2)]
    await run.aclose()  # type: ignore[attr-defined]
    assert [one.payload["findings"][0]["cluster"] for one in told] == ["made-1", "made-2"]


def test_a_healthy_cluster_is_not_waited_for(store: MemoryStore) -> None:
    observed = save(store)
    assert ClusterHealthSensor(task_id="wait", cluster="demo").execute({}) == observed  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("status", "age"), [("unknown", 0), ("unhealthy", 0), ("initializing", 0), ("healthy", 600), (None, 0)]
)
def test_what_is_not_known_to_be_healthy_is_waited_for(store: MemoryStore, status: str | None, age: int) -> None:
    if status is not None:
        save(store, status, timedelta(seconds=age))
    sensor = ClusterHealthSensor(task_id="wait", cluster="demo")
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})  # type: ignore[typeddict-item]
    assert deferred.value.trigger.serialize()[1] == {"cluster": "demo", "poke_seconds": 5.0}
    assert sensor.finish({}, {"observed": "now"}) == "now"  # type: ignore[typeddict-item]


async def test_waiting_ends_when_the_cluster_is_healthy(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "_FIRST_LOOK_SECONDS", 0.01)
    save(store, "unhealthy")
    events = ClusterHealthyTrigger("demo", 0.01).run()
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    observed = save(store)
    assert (await asyncio.wait_for(waiting, 10)).payload == {"observed": observed}
